import type { KeyedRecord } from '#core/keyed-record.ts'
import type { LockWait, Sink, Stored } from '#core/sink.ts'
import { statementBreaches, statementCountBreaches } from '../oracle/bounds.ts'
import type { Watched } from '../simulated/servers/host.ts'
import type { Plan } from './plan.ts'
import type { Story } from '../simulated/servers/story.ts'
import { workloads } from './workloads.ts'
import type { WholeSink } from '../support/whole-sink.ts'

/** The real writer, watched: how much it is asked at a time. */
export class TappedWriter implements Sink {
  readonly #writer: WholeSink
  readonly #replica: Watched
  readonly #plan: Plan
  readonly #story: Story
  readonly #underWay = new Set<string>()
  #statements = 0

  constructor(writer: WholeSink, replica: Watched, plan: Plan, story: Story) {
    this.#writer = writer
    this.#replica = replica
    this.#plan = plan
    this.#story = story
  }

  async locked(records: readonly KeyedRecord[]): Promise<readonly KeyedRecord[]> {
    if (!this.#replica.alive) return new Promise(() => {})
    return await this.#writer.locked(records)
  }

  async rewriteExistingRow(): Promise<boolean> {
    const { name, alive } = this.#replica
    if (!alive) return new Promise(() => {})
    this.#story.tell(name, () => 'writes an existing row to itself')
    return await this.#writer.rewriteExistingRow()
  }

  async write(records: readonly KeyedRecord[], wait?: LockWait): Promise<Stored> {
    const { name, alive } = this.#replica
    const { workers, maxBatchRecords } = this.#plan
    if (!alive) return new Promise(() => {})
    this.#story.tell(
      name,
      () => `writes ${records.map(({ key, version, content }) => `${key} ${version} ${content}`).join(', ')}`,
    )
    this.#statements += 1
    const keys = records.map(({ key }) => key)
    // Rows that were refused alone wait for neighbours beside a batch: those of the plan, no neighbour is refused.
    const mostKeys = maxBatchRecords + workloads[this.#plan.workload].keys
    for (const breach of [
      ...statementBreaches(name, keys, this.#underWay, mostKeys),
      ...statementCountBreaches(name, this.#statements, workers),
    ]) {
      this.#story.breach('bounds', breach)
    }
    for (const key of keys) this.#underWay.add(key)
    try {
      return await this.#writer.write(records, wait)
    } finally {
      this.#statements -= 1
      for (const key of keys) this.#underWay.delete(key)
    }
  }
}
