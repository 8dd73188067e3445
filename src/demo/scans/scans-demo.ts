import type { Config } from '#config/config.ts'
import { builtInPipeline } from '#connect/pipelines.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { DemoSetup, DemoSystem, RowsView, Traffic, Verification } from '../system.ts'
import { unlessForced } from '../unless-forced.ts'
import { readActualTables, readNewestScans } from './actual-tables.ts'
import { Oracle } from './oracle.ts'
import type { Mixture } from './scan-generator.ts'
import { runScanner } from './scanner.ts'
import { differencesIn } from './verdict.ts'

export interface ScansDemoOptions extends Mixture {
  /** Messages a second. */
  readonly rate: number
  readonly replicas: number
  readonly seed: number
}

/** Scans of a network, with the duplicates, the disorder and the poison of a real one. */
export function scansDemo(options: ScansDemoOptions): DemoSystem {
  const pipeline = builtInPipeline('scans')
  return {
    pipeline,
    redis: true,
    replicas: options.replicas,
    defaults: {},
    claim: 'the table holds the newest record of every key',
    shown: ['written', 'coalesced', 'stale', 'deadLettered'],
    start: async (setup) => new ScanTraffic(setup, pipeline.sink, options),
  }
}

class ScanTraffic implements Traffic {
  readonly facts: Traffic['facts']
  readonly adminUrls: readonly string[] = []
  readonly problems: readonly string[] = []
  published = 0
  readonly #oracle = new Oracle()
  readonly #setup: DemoSetup
  readonly #table: PostgresTable
  readonly #options: ScansDemoOptions
  #poison = 0

  constructor(setup: DemoSetup, table: PostgresTable, options: ScansDemoOptions) {
    this.#setup = setup
    this.#table = table
    this.#options = options
    const { rate, duplicates, late, poison, seed } = options
    const share = `${duplicates}% duplicates, ${late}% late, ${poison}% poison`
    this.facts = [['scanner', `${rate}/s: ${share}; seed ${seed}`]]
  }

  get ownCounts() {
    return { poison: this.#poison, keys: this.#oracle.keys }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { config, forMs } = this.#setup
    await runScanner({
      ...this.#options,
      ...publishingTo(config),
      forMs,
      signal,
      published: (messages) => {
        this.published += messages.length
        for (const { scan } of messages) {
          if (scan) this.#oracle.published(scan)
          else this.#poison += 1
        }
      },
    })
  }

  drain() {
    return this.#setup.fleet.drain(this.published)
  }

  async newestRows(limit: number): Promise<RowsView> {
    const rows = await readNewestScans(this.#setup.config, this.#table, limit)
    return {
      head: ['newest rows', 'ip', 'port', 'service', 'response'],
      numeric: [2],
      cells: rows.map(({ ip, port, service, response, timestamp }) => [
        utc(timestamp),
        ip.padEnd(15),
        String(port).padStart(5),
        service.padEnd(7),
        response,
      ]),
    }
  }

  verify(forceStop: AbortSignal): Promise<Verification | undefined> {
    return unlessForced(forceStop, async () => {
      const found = await readActualTables(this.#setup.config, this.#table)
      const evidence = { oracle: this.#oracle, found, poison: this.#poison }
      return { rows: found.rows.length, differences: differencesIn(evidence) }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** `2026-11-21 10:00:00` */
function utc(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')
}

function publishingTo({ pubsub: { projectId, topicId, emulatorHost } }: Config) {
  if (topicId === undefined) throw new Error('the demo names its topic')
  return { projectId, topicId, emulatorHost }
}
