// The real writer on a real server, and between them a network that fails in any order: what counts as written is
// there, no connection that has failed holds anything up, and once the network is well all is written soon.
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { afterAll, test } from 'vitest'
import fc from 'fast-check'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { noLogger } from '#core/logger.ts'
import type { Scan } from '#pipeline/scans.ts'
import { scans } from '#pipeline/scans.ts'
import { createPool } from '#postgres/pool.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import type { RowVersion } from '../oracle/facts.ts'
import { describeRow } from '../oracle/facts.ts'
import { isNewer } from '../oracle/order.ts'
import { tableBreaches } from '../oracle/table.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { freshDatabase, scanRecord, startTestServer } from '../support/postgres.ts'
import { alwaysAsync } from '../support/seed.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

const server = await startTestServer()
const proxy = await TcpProxy.to(server.port)
afterAll(() => proxy[Symbol.asyncDispose]())

/** This many attempts may fail after the network has recovered: each connection once, and each writer what it had begun. */
const poolSize = 3
const failuresWhenWell = 3 * poolSize

const network = {
  cut: { begin: () => proxy.cut(), end: () => {} },
  strand: { begin: () => proxy.strand(), end: () => {} },
  freeze: { begin: () => proxy.freeze(), end: () => proxy.thaw() },
  'freeze, then cut': {
    begin: () => proxy.freeze(),
    end: () => {
      proxy.cut()
      proxy.thaw()
    },
  },
  'lose replies': { begin: () => proxy.loseReplies(), end: () => proxy.bringReplies() },
  refuse: { begin: () => proxy.refuse(), end: () => proxy.accept() },
}

const fault = fc.record({
  kind: fc.constantFrom(...(Object.keys(network) as (keyof typeof network)[])),
  /** Counted in attempts to write, which is the only time there is. */
  after: fc.nat(3),
  for: fc.integer({ min: 1, max: 3 }),
  /** How far the attempt in which it begins has come by then. */
  turns: fc.nat(6),
})
type Fault = typeof fault extends fc.Arbitrary<infer F> ? F : never

const batch = fc.uniqueArray(
  fc.tuple(fc.nat(5), fc.nat(6), fc.constantFrom('a', 'b', 'é')).map((parts) => scanRecord(...parts)),
  { selector: ({ key }) => key, minLength: 1, maxLength: 4 },
)

const schedule = fc.record({
  writers: fc.array(fc.array(batch, { minLength: 3, maxLength: 8 }), { minLength: 1, maxLength: 2 }),
  faults: fc.array(fault, { minLength: 1, maxLength: 4 }),
})

/** Begins and ends faults as attempts are made. */
class Weather {
  failures = 0
  readonly #faults: Fault[]
  #current: Fault | undefined
  #left: number
  #changing: Promise<void> = Promise.resolve()

  constructor(faults: readonly Fault[]) {
    this.#faults = [...faults]
    this.#left = faults[0]?.after ?? 0
  }

  get isWell(): boolean {
    return this.#faults.length === 0 && !this.#current
  }

  /** To be called with each attempt that was begun; resolves when what is due with it has begun or ended. */
  attempt(): Promise<void> {
    this.#changing = this.#changing.then(() => this.#pass())
    return this.#changing
  }

  async #pass(): Promise<void> {
    this.#left -= 1
    if (this.#left >= 0 || this.isWell) return
    if (this.#current) return this.end()
    const fault = this.#faults.shift()
    if (!fault) return
    this.#current = fault
    this.#left = fault.for
    for (let turn = 0; turn < fault.turns; turn++) await setImmediate()
    await network[fault.kind].begin()
  }

  async end(): Promise<void> {
    const ended = this.#current
    this.#current = undefined
    this.#left = this.#faults[0]?.after ?? 0
    if (ended) await network[ended.kind].end()
  }

  failed(error: unknown): void {
    if (!this.isWell) return
    this.failures += 1
    if (this.failures > failuresWhenWell)
      throw new Error('the network is well, and nothing is written', { cause: error })
  }
}

async function rowsOf(database: TestDatabase): Promise<Map<string, RowVersion>> {
  const rows = await database.query<{ key: string; version: string; content: string }>(
    `SELECT host(ip) || ' ' || port || ' ' || service AS key,
            extract(epoch FROM last_seen)::bigint::text AS version, response AS content
     FROM scan_results`,
  )
  return new Map(rows.map((row) => [row.key, { ...row, version: BigInt(row.version) }]))
}

/** As a lane does: again and again, until the writer says that it is done. */
async function writeAll(
  batches: readonly (readonly KeyedRecord<Scan>[])[],
  writer: TableWriter,
  weather: Weather,
  database: TestDatabase,
): Promise<void> {
  for (const records of batches) {
    for (let isWritten = false; !isWritten; ) {
      const writing = writer.write(records).then(
        () => true,
        (error: unknown) => {
          weather.failed(error)
          return false
        },
      )
      const [outcome] = await Promise.all([writing, weather.attempt()])
      isWritten = outcome
    }
    const rows = await rowsOf(database)
    for (const record of records) {
      const row = rows.get(record.key)
      assert.ok(row && !isNewer(record, row), `${describeRow(record)} counts as written, and is not there`)
    }
  }
}

test('whatever the network does: what counts as written is stored, and everything is written soon after', async () => {
  await using database = await freshDatabase(server)
  const property = fc.asyncProperty(schedule, async ({ writers, faults }) => {
    await database.query('TRUNCATE scan_results')
    const pool = createPool(
      {
        ...database.options,
        port: proxy.port,
        poolSize,
        statementTimeoutMs: 200,
        clientTimeoutMarginMs: 50,
        connectTimeoutMs: 250,
      },
      noLogger,
    )
    const writer = new TableWriter(pool, scans.sink)
    const weather = new Weather(faults)
    try {
      await Promise.all(writers.map((batches) => writeAll(batches, writer, weather, database)))
    } finally {
      await weather.end()
      proxy.cut()
    }
    await pool.end()
    const accepted = writers.flat(2).map((row, id) => ({ id: `${id}`, meanings: [{ row }] }))
    assert.deepEqual(tableBreaches(accepted, await rowsOf(database)), [])
  })
  await alwaysAsync(property, 15)
})
