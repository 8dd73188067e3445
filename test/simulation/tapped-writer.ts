import type { KeyedRecord } from '#core/keyed-record.ts'
import { countsOnce } from '#core/pipeline.ts'
import type { LockWait, Sink, Stored } from '#core/sink.ts'
import { statementBreaches, statementCountBreaches } from '../oracle/bounds.ts'
import type { Watched } from '../simulated/servers/host.ts'
import type { Plan } from './plan.ts'
import type { Referee } from './referee.ts'
import type { Story } from '../simulated/servers/story.ts'
import { workloads } from './workloads.ts'

/** More than a plan has that may be refused. */
const mostIdentities = 30

/** The real writer, watched: how much it is asked at a time. */
export class TappedWriter implements Sink {
  readonly #writer: Sink
  readonly #replica: Watched
  readonly #plan: Plan
  readonly #story: Story
  readonly #underWay = new Set<string>()
  #statements = 0

  readonly retake?: (record: KeyedRecord) => Promise<void>
  readonly #judge: Referee

  constructor(writer: Sink, replica: Watched, plan: Plan, story: Story, judge: Referee) {
    this.#judge = judge
    if (writer.retake)
      this.retake = (record) =>
        replica.alive && writer.retake ? writer.retake(record) : new Promise<void>(() => {})
    this.#writer = writer
    this.#replica = replica
    this.#plan = plan
    this.#story = story
  }

  async locked(records: readonly KeyedRecord[]): Promise<readonly KeyedRecord[]> {
    if (!this.#replica.alive) return new Promise(() => {})
    return (await this.#writer.locked?.(records)) ?? []
  }

  async rewriteExistingRow(): Promise<boolean> {
    const { name, alive } = this.#replica
    if (!alive) return new Promise(() => {})
    this.#story.tell(name, () => 'writes an existing row to itself')
    return (await this.#writer.rewriteExistingRow?.()) ?? false
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
    // Of records that count once each has a key of its own.
    const { keys: rowKeys, pipeline } = workloads[this.#plan.workload]
    const mostKeys = maxBatchRecords + (countsOnce(pipeline.sink) ? mostIdentities : rowKeys)
    for (const breach of [
      ...statementBreaches(name, keys, this.#underWay, mostKeys),
      ...statementCountBreaches(name, this.#statements, workers),
    ]) {
      this.#story.breach('bounds', breach)
    }
    for (const key of keys) this.#underWay.add(key)
    try {
      const stored = await this.#writer.write(records, wait)
      this.#judge.answered(name, records, stored)
      return stored
    } finally {
      this.#statements -= 1
      for (const key of keys) this.#underWay.delete(key)
    }
  }
}
