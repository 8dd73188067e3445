// The table of a user's module: what is said of it is about that module, and works when it is copied.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { writeDocumented } from '../support/documented-pipelines.ts'
import { runToEnd, startIngesterProgram, startProgram } from '../support/program.ts'
import { startSystem, until } from '../support/system.ts'

const folder = await mkdtemp(join(tmpdir(), 'my orders-'))
afterAll(() => rm(folder, { recursive: true }))
await writeDocumented(folder)
const module = join(folder, 'orders.ts')
const envFile = join(folder, 'x.env')

test('it does not exist, or is dropped: what is suggested creates it', async () => {
  await using system = await startSystem()
  const variables = { ...system.env, INGESTER_LOG_OUTPUT: 'console' }
  await writeFile(
    envFile,
    Object.entries(variables).map((one) => `${one.join('=')}\n`),
  )
  const options = ['--env-file', envFile, '--pipeline', module]
  const refused = await runToEnd(startIngesterProgram(['run', ...options]))
  assert.equal(refused.code, 2, refused.stderr)
  const said = /table orders does not exist; create it: (bin\/ingester .*?); or, .*\n.*run: (.*)\n$/
  const [, migrate = '', doctor = ''] = said.exec(refused.stderr) ?? assert.fail(refused.stderr)
  const pasted = (line: string) => runToEnd(startProgram('/bin/sh', ['-c', line]))
  const diagnosis = await pasted(doctor)
  expect(diagnosis.stdout).toMatch(
    /✗ migrations of orders +pending: 000001_create_orders\n +bin\/ingester .*/,
  )
  expect(diagnosis.stdout).toContain(`    ${migrate}\n`)
  const migrated = await pasted(migrate)
  assert.equal(`${migrated.code} ${migrated.stdout}`, '0 applied  000001_create_orders\n')
  await using run = startIngesterProgram(['run', ...options])
  await run.said(/orders-sub/)
  await system.sql.query('DROP TABLE orders')
  const topic = 'projects/test-project/topics/orders'
  const order = { id: 7, customer: 'Ada', status: 'paid', updated_at: 1_767_225_660 }
  await system.clients.publisher.publish({ topic, messages: [{ data: Buffer.from(JSON.stringify(order)) }] })
  const [, again = '', byHand = ''] = await run.said(
    /relation "orders" does not exist \[42P01\]; create it: (.*?); or, where that does not do it, as its owner: (.*;)/,
  )
  assert.equal(again, migrate)
  await system.sql.query(byHand)
  await until(
    async () => (await system.sql.query('SELECT status FROM orders')).rows,
    ([row]) => row?.status === 'paid',
  )
})
