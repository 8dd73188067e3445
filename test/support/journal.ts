import type { KeyedRecord } from '#core/keyed-record.ts'

/** What the simulated ports saw, in order, and what they must never see. */
export class Journal {
  readonly lines: string[] = []
  /** Breaches of a port's contract by its caller. Every test ends with none. */
  readonly breaches: string[] = []

  add(line: string): void {
    this.lines.push(line)
  }

  breach(line: string): void {
    this.breaches.push(line)
  }

  /** Takes what was noted since the last call. */
  take(): string[] {
    return this.lines.splice(0)
  }
}

type Named = Pick<KeyedRecord, 'key' | 'version' | 'content'>

/** How a record stands in the journal: the text of its message. */
export function nameOf({ key, version, content }: Named): string {
  return `${key} ${version} ${content}`
}

export function namesOf(records: readonly Named[]): string {
  return records.map(nameOf).join(', ')
}
