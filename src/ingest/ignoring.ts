import { engineRules } from '#core/ignored.ts'
import type { Observer } from '#core/observer.ts'
import type { Ledger, Part } from './ledger.ts'

export interface IgnoringPorts {
  readonly ledger: Ledger
  readonly observer: Observer
  /** Those that the pipeline declares. */
  readonly declared: ReadonlySet<string>
}

/** What is ignored of deliveries that came together: counted and settled together. */
export class Ignoring {
  readonly #ports: IgnoringPorts
  readonly #counts = new Map<string, number>()
  readonly #parts: Part[] = []

  constructor(ports: IgnoringPorts) {
    this.#ports = ports
  }

  /** A record that a rule of the pipeline's ignores. */
  count(rule: string): void {
    this.#add(this.#ports.declared.has(rule) ? rule : engineRules.undeclared)
  }

  /** A message without any record. */
  countEmpty(): void {
    this.#add(engineRules.empty)
  }

  /** Of which nothing is stored. */
  settle(part: Part): void {
    this.#parts.push(part)
  }

  /** Nothing is settled as ignored that is not counted. */
  end(): void {
    const { ledger, observer } = this.#ports
    for (const [rule, count] of this.#counts) observer.ignored?.(rule, count)
    if (this.#parts.length > 0) ledger.settle(this.#parts, 'ignored')
  }

  #add(rule: string): void {
    this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1)
  }
}
