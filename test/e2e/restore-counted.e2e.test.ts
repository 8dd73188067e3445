// What docs/OPERATIONS.md says of restoring and replaying sums, with increments: by the statements that the page prints.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectDir, startIngesterProgram } from '../support/program.ts'
import type { TestSystem } from '../support/system.ts'
import { projectId, startSystem, until } from '../support/system.ts'

const key = '5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'
const topic = `projects/${projectId}/topics/increments`
const subscription = `projects/${projectId}/subscriptions/increments-sub`

let system: TestSystem
beforeAll(async () => {
  system = await startSystem({ INGESTER_FLUSH_INTERVAL: '0' })
})
afterAll(() => system[Symbol.asyncDispose]())

const sql = (text: string) => system.sql.query(text)
const start = () => startIngesterProgram(['run', '--pipeline', 'increments'], { env: system.env })

async function publish(...values: readonly number[]): Promise<void> {
  const messages = values.map((value) => ({ data: Buffer.from(JSON.stringify({ key, value })) }))
  await system.clients.publisher.publish({ topic, messages })
}

const sum = async () => (await sql(`SELECT value FROM increments WHERE key = '${key}'`)).rows[0]?.value
const untilSum = (wanted: string) => until(sum, (value) => value === wanted)

/** Runs an ingester until it has settled what is there. */
async function replay(): Promise<void> {
  await system.clients.subscriber.seek({ subscription, time: { seconds: 0 } })
  await using run = start()
  const [, url = ''] = await run.said(/"admin":"(http[^"]+)"/)
  await until(
    async () => (await fetch(`${url}/metrics`)).text(),
    (text) => settledIn(text) === 4,
  )
  run.signal('SIGTERM')
  await expect(run).toEndWith(0)
}

const settledIn = (metrics: string) =>
  [...metrics.matchAll(/^ingester_messages_settled_total\{.*\} (\d+)$/gm)].reduce(
    (all, [, n]) => all + Number(n),
    0,
  )

/** The statements that the page has for this. */
function startingOver(): string {
  const page = readFileSync(join(projectDir, 'docs/OPERATIONS.md'), 'utf8')
  const [, text] = /^\*\*To start over\*\*.*?^```sql\n(.*?)^```$/ms.exec(page) ?? []
  assert.ok(text)
  return text
}

test('sums and their identities are restored together, or started over together', async () => {
  await using run = start()
  await run.said(/increments-sub/)
  await system.clients.subscriber.updateSubscription({
    subscription: { name: subscription, retainAckedMessages: true },
    updateMask: { paths: ['retain_acked_messages'] },
  })
  await publish(1, 2)
  await untilSum('3')
  const unit = ['increments', 'applied_messages', 'applied_requests']
  for (const table of unit) await sql(`CREATE TABLE old_${table} AS SELECT * FROM ${table}`)
  await publish(4, 8)
  await untilSum('15')
  run.signal('SIGTERM')
  await expect(run).toEndWith(0)

  // From one snapshot: what was counted after it counts again, and nothing else.
  for (const table of unit) await sql(`TRUNCATE ${table}; INSERT INTO ${table} SELECT * FROM old_${table}`)
  assert.equal(await sum(), '3')
  await replay()
  assert.equal(await sum(), '15')

  // The table alone: what is missing stays missing.
  await sql('TRUNCATE increments; INSERT INTO increments SELECT * FROM old_increments')
  await replay()
  assert.equal(await sum(), '3')

  await sql(startingOver())
  assert.equal(await sum(), undefined)
  await replay()
  assert.equal(await sum(), '15')
  assert.equal((await sql('SELECT FROM dead_letters')).rowCount, 0)
})
