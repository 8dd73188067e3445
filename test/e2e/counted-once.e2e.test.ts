// Sums are exact and each record is one row, whatever dies: replicas, Redis, PostgreSQL.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import assert from 'node:assert/strict'
import { afterAll, expect, test } from 'vitest'
import { repeatedBy } from '#core/identity.ts'
import { publish } from '#pubsub/publisher.ts'
import type { OutgoingMessage } from '#pubsub/publisher.ts'
import { Random } from '#demo/random.ts'
import { serverProcesses } from '#stack/processes.ts'
import { startIngesterProgram } from '../support/program.ts'
import { showSeed } from '../support/seed.ts'
import { signalEach } from '../support/signal-each.ts'
import type { TestSystem } from '../support/system.ts'
import { connectSql, metric, projectId, startSystem, until } from '../support/system.ts'

const records = Number(process.env['TEST_MESSAGES'] ?? 6000)
const folder = await mkdtemp(join(tmpdir(), 'counted-once-'))
afterAll(() => rm(folder, { recursive: true }))

/** Both read the messages of one topic: `key amount`, several of them with a semicolon between. */
const moduleOf = (name: string, table: string) => `
import { definePipeline, Rejection } from 'pubsub-postgres-ingester'
export default definePipeline({
  name: '${name}',
  topic: 'amounts',
  subscription: '${name}-sub',
  rejections: ['malformed'],
  decode: ({ data }) =>
    data.toString().split(';').map((text) => {
      const [, key, amount] = /^(\\S+) (\\d+)$/.exec(text) ?? []
      return key ? { key, amount: BigInt(amount) } : new Rejection('malformed', 'not a key and a number')
    }),
  table: ${table},
})
`
const columns = `columns: [
  { name: 'key', type: 'text', of: ({ key }) => key },
  { name: 'amount', type: 'bigint', of: ({ amount }) => amount },
]`
const sums = join(folder, 'amount-sums.ts')
const log = join(folder, 'amount-log.ts')
await writeFile(
  sums,
  moduleOf('amount-sums', `{ name: 'amount_sums', mode: 'sum', key: ['key'], ${columns} }`),
)
await writeFile(log, moduleOf('amount-log', `{ name: 'amount_log', mode: 'append', ${columns} }`))

test(`three replicas; one, Redis and PostgreSQL are killed: sums of ${records} records are exact, each is one row`, {
  timeout: 300_000,
}, async (t) => {
  await using system = await startSystem({ INGESTER_PIPELINES: `${sums},${log}` }, { superuser: true })
  await system.sql.query(
    `CREATE TABLE amount_sums (key text PRIMARY KEY, amount bigint NOT NULL);
     CREATE TABLE amount_log (key text NOT NULL, amount bigint NOT NULL)`,
  )
  await using first = startIngesterProgram(['run'], { env: system.env })
  await using second = startIngesterProgram(['run'], { env: system.env })
  await using victim = startIngesterProgram(['run'], { env: system.env })
  const [, url = ''] = await victim.said(/"admin":"(http[^"]+)"/)
  await Promise.all([first, second].map((program) => program.said(/"admin":"(http[^"]+)"/)))

  const traffic = new Traffic(system, showSeed(t))
  await traffic.publish(records / 3)
  // A lock that every sum waits for: until it goes, all that comes is held.
  await system.sql.query('BEGIN; LOCK TABLE amount_sums IN SHARE MODE')
  await traffic.publish(records / 3)
  await until(
    () => metric(url, 'ingester_messages_outstanding{pipeline="amount-sums"}'),
    (held) => held >= 50,
  )
  victim.signal('SIGKILL')
  await expect(victim).toEndWith('SIGKILL')
  signalEach([system.redis.pid], 'SIGKILL')
  await system.sql.query('COMMIT')
  await traffic.publish(records / 3)
  signalEach(await serverProcesses(system.postgres.pid), 'SIGKILL')
  await system.postgres.restart()
  await system.redis.restart()

  const sql = await connectSql(system.config)
  await until(
    () => traffic.differences(sql),
    ({ length }) => length === 0,
    200_000,
  )
  assert.ok(traffic.duplicates > records / 20)
  await sql.end()
  for (const program of [first, second]) program.signal('SIGTERM')
  for (const program of [first, second]) await expect(program).toEndWith(0)
})

/** Messages of one to five records over a few keys; a fifth of them is published once more, under the same identity. */
class Traffic {
  readonly #system: TestSystem
  readonly #random: Random
  readonly #sums = new Map<string, bigint>()
  readonly #rows: string[] = []
  #next = 0
  duplicates = 0

  constructor(system: TestSystem, seed: number) {
    this.#system = system
    this.#random = new Random(seed)
  }

  async publish(count: number): Promise<void> {
    const messages: OutgoingMessage[] = []
    for (let made = 0; made < count; ) {
      const size = 1 + this.#random.below(5)
      const message = this.#message(size)
      messages.push(message)
      made += size
      if (this.#random.below(5) > 0) continue
      this.duplicates += 1
      messages.splice(this.#random.below(messages.length + 1), 0, message)
    }
    await publish(this.#system.clients, `projects/${projectId}/topics/amounts`, messages)
  }

  /** How the tables differ from what was published. */
  async differences(sql: TestSystem['sql']): Promise<string[]> {
    const { rows: sums } = await sql.query<{ row: string }>(
      `SELECT key || ' ' || amount AS row FROM amount_sums ORDER BY key COLLATE "C"`,
    )
    const { rows: log } = await sql.query<{ row: string }>(
      `SELECT key || ' ' || amount AS row FROM amount_log ORDER BY key COLLATE "C", amount`,
    )
    const expected = [...this.#sums].map(([key, amount]) => `${key} ${amount}`).sort()
    return [
      ...missing(
        'sums',
        expected,
        sums.map(({ row }) => row),
      ),
      ...missing('log', this.#rows.toSorted(), log.map(({ row }) => row).sort()),
    ].slice(0, 5)
  }

  #message(size: number): OutgoingMessage {
    const made = Array.from({ length: size }, () => {
      const key = `key-${this.#random.below(20)}`
      const amount = BigInt(this.#random.below(1000))
      this.#sums.set(key, (this.#sums.get(key) ?? 0n) + amount)
      this.#rows.push(`${key} ${amount}`)
      return `${key} ${amount}`
    })
    this.#next += 1
    return { data: Buffer.from(made.join(';')), attributes: repeatedBy(`request ${this.#next}`, Date.now()) }
  }
}

function missing(what: string, expected: readonly string[], found: readonly string[]): string[] {
  if (expected.length !== found.length) return [`${what}: ${found.length} rows instead of ${expected.length}`]
  return expected.flatMap((row, at) => (row === found[at] ? [] : [`${what}: ${found[at]} instead of ${row}`]))
}
