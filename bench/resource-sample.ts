import type pg from 'pg'
import type { Broker } from './broker.ts'
import { cpuSeconds, memoryOf } from './process-usage.ts'
import type { BenchServices } from './bench-services.ts'

/** What each process has used so far, at one moment. CPU in seconds, WAL in bytes. */
export interface ResourceSample {
  readonly unixMs: number
  readonly messages: number
  readonly system: number
  readonly postgres: number
  readonly redis: number
  readonly broker: number
  readonly walBytes: number
  readonly modacks: number
}

export interface Watched {
  readonly pids: readonly number[]
  readonly services: BenchServices
  readonly broker: Broker | undefined
  readonly sql: pg.Client
}

/** @param unixMs when that many messages were done: the sample follows a message from another process */
export async function takeSample(
  { pids, services, broker, sql }: Watched,
  messages: number,
  unixMs: number,
): Promise<ResourceSample> {
  const cpu = {
    system: pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
    postgres: cpuSeconds(services.postgres.pid),
    redis: cpuSeconds(services.redis.pid),
    broker: broker ? cpuSeconds(broker.pid) : 0,
  }
  const { rows } = await sql.query(`SELECT (pg_current_wal_insert_lsn() - '0/0')::float8 AS wal`)
  return { ...cpu, unixMs, messages, walBytes: rows[0].wal, modacks: broker?.counts.modacked ?? 0 }
}

/** What one million messages cost between two samples, in CPU-seconds; and how fast they went. */
export function costsBetween(a: ResourceSample, b: ResourceSample) {
  const messages = b.messages - a.messages
  const perMillion = (of: (sample: ResourceSample) => number) => ((of(b) - of(a)) / messages) * 1e6
  return {
    seconds: (b.unixMs - a.unixMs) / 1000,
    messagesPerSecond: messages / ((b.unixMs - a.unixMs) / 1000),
    ownCpu: perMillion(({ system }) => system),
    postgresCpu: perMillion(({ postgres }) => postgres),
    redisCpu: perMillion(({ redis }) => redis),
    brokerCpu: perMillion(({ broker }) => broker),
    walBytesPerMessage: perMillion(({ walBytes }) => walBytes) / 1e6,
    modacksPerMessage: perMillion(({ modacks }) => modacks) / 1e6,
  }
}

export const megabyte = 1e6

/** Memory of processes, sampled until it is disposed. */
export class MemoryWatch implements Disposable {
  readonly #pids: readonly number[]
  readonly #timer: NodeJS.Timeout
  readonly #began = performance.now()
  readonly samples: { readonly seconds: number; readonly bytes: number }[] = []

  constructor(pids: readonly number[], everyMs: number) {
    this.#pids = pids
    this.#timer = setInterval(() => this.#sample(), everyMs)
  }

  /** The greatest so far, as the kernel has seen it. */
  get peak(): number {
    return this.#pids.reduce((sum, pid) => sum + memoryOf(pid).peak, 0)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #sample(): void {
    const each = this.#pids.map((pid) => memoryOf(pid).resident)
    // A process that has ended has no memory, and one such sample would bend the line.
    if (each.includes(0)) return
    const bytes = each.reduce((sum, one) => sum + one, 0)
    this.samples.push({ seconds: (performance.now() - this.#began) / 1000, bytes })
  }
}
