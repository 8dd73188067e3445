// A module whose topic and subscription are of another project than the configured one.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { writeDocumented } from '../support/documented-pipelines.ts'
import { runToEnd, startIngesterProgram } from '../support/program.ts'
import { startSystem, until } from '../support/system.ts'

const folder = await mkdtemp(join(tmpdir(), 'another-project-'))
afterAll(() => rm(folder, { recursive: true }))
await writeDocumented(folder)

const topic = 'projects/mill/topics/orders'
const subscription = 'projects/mill/subscriptions/orders-sub'

const fromThere = `
function fromThere(delivery: Delivery, limits: DecodeLimits): Order | Rejection {
  const decoded = decode(delivery, limits)
  return decoded instanceof Rejection ? decoded : { ...decoded, customer: String(delivery.subscription) }
}
`

test('its messages are consumed there, its dead letters go back there, and the doctor looks there', async () => {
  const orders = await readFile(join(folder, 'orders.ts'), 'utf8')
  const module = join(folder, 'elsewhere.ts')
  await writeFile(
    module,
    orders
      .replace("topic: 'orders'", `topic: '${topic}'`)
      .replace("subscription: 'orders-sub'", `subscription: '${subscription}'`)
      .replace('decode,\n', 'decode: fromThere,\n')
      .concat(fromThere),
  )
  await using system = await startSystem()
  const { INGESTER_SUBSCRIPTIONID: _s, INGESTER_TOPICID: _t, ...env } = system.env
  const ingester = (...words: readonly string[]) =>
    startIngesterProgram([...words, '--pipeline', module], { env })
  const toEnd = (...words: readonly string[]) => runToEnd(ingester(...words))
  const migrated = await toEnd('migrate', 'up')
  assert.equal(migrated.code, 0, migrated.stderr)

  const before = await toEnd('doctor')
  expect(before.stdout).toContain(`${topic} does not exist yet`)
  await using run = ingester('run')
  await run.said(new RegExp(subscription))
  const order = { id: 7, customer: 'Ada', status: 'paid', updated_at: 1_767_225_660 }
  const messages = [order, { id: 'eight' }].map((one) => ({ data: Buffer.from(JSON.stringify(one)) }))
  await system.clients.publisher.publish({ topic, messages })
  const rows = (sql: string) => async () => (await system.sql.query(sql)).rows
  const stored = await until(rows('SELECT customer FROM orders'), ({ length }) => length === 1)
  assert.deepEqual(stored, [{ customer: subscription }], 'which the decoder was told')
  const deadLetters = rows('SELECT subscription, status FROM dead_letters ORDER BY id')
  const dead = await until(deadLetters, ({ length }) => length === 1)
  assert.deepEqual(dead, [{ subscription, status: 'new' }])

  const doctor = await toEnd('doctor')
  assert.equal(doctor.code, 0, doctor.stdout)
  expect(doctor.stdout).toMatch(new RegExp(`topic +${topic}\n`))
  const redriven = await toEnd('dead-letters', 'redrive', '--yes')
  assert.equal(redriven.code, 0, redriven.stderr)
  expect(redriven.stderr).toContain(`1 to be published to ${topic}`)
  await until(deadLetters, (all) => all.length === 2 && all.some(({ status }) => status === 'redriven'))
})
