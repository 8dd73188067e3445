// The mapping files of examples/, in one process: messages in random order, some of them several times, and the tables that come of them.
import assert from 'node:assert/strict'
import type pg from 'pg'
import { test } from 'vitest'
import { publish } from '#pubsub/publisher.ts'
import { Random } from '#demo/random.ts'
import type { MappingCase } from '../support/mapping-case.ts'
import { exampleCases } from '../support/mapping-case.ts'
import { runToEnd, startIngesterProgram, startProgram } from '../support/program.ts'
import { showSeed } from '../support/seed.ts'
import type { TestSystem } from '../support/system.ts'
import { metric, projectId, startSystem, until } from '../support/system.ts'

const examples = await exampleCases()
/** The rules by which each of them ignores some of its messages. */
const ignored = { payments: ['live', 'final', 'external'], readings: ['empty'] }

test('each example gives the rows and the dead letters that stand beside it, in whatever order its messages come', async (t) => {
  const random = new Random(showSeed(t))
  await using system = await startSystem()
  const { writer } = system.postgres
  await system.sql.query(
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${writer.user}`,
  )
  for (const { table } of examples) await system.sql.query(table)
  const env = {
    ...system.env,
    INGESTER_POSTGRES_USER: writer.user,
    INGESTER_POSTGRES_PASSWORD: writer.password,
    INGESTER_WORKER_COUNT: '1',
    INGESTER_POSTGRES_POOL_SIZE: String(2 * examples.length),
  }
  const named = examples.flatMap(({ path }) => ['--pipeline', path])
  await using run = startIngesterProgram(['run', ...named], { env })
  for (const { name } of examples) await run.said(new RegExp(`subscriptions/${name}-sub`))
  await publishShuffled(system, random)
  await settled(system)
  for (const example of examples) {
    assert.equal(await csv(system.sql, example.query), example.rows, `the rows of ${example.name}`)
    assertDeadLetters(await deadLetters(system.sql, example.name), example)
  }
  const [, url = ''] = await run.said(/"admin":"([^"]+)"/)
  for (const [pipeline, rules] of Object.entries(ignored))
    for (const rule of rules)
      assert.ok(
        (await metric(url, `ingester_records_ignored_total{rule="${rule}",pipeline="${pipeline}"}`)) > 0,
        `${pipeline} ignored nothing by the rule ${rule}`,
      )
  // As the page says, in the order of the file. It changes nothing: all of them have been there before.
  for (const { name, input, isEnvelope } of examples) {
    const args = [...(isEnvelope ? ['--envelope'] : []), name, input]
    const published = await runToEnd(
      startProgram(process.execPath, ['examples/publish.mjs', ...args], { env }),
    )
    assert.deepEqual([published.code, published.stderr], [0, ''])
  }
  await settled(system)
  for (const { name, query, rows } of examples)
    assert.equal(await csv(system.sql, query), rows, `the rows of ${name}, published again`)
  run.signal('SIGTERM')
  assert.equal(await run.ended, 0)
})

async function publishShuffled({ clients }: TestSystem, random: Random): Promise<void> {
  const once = examples.flatMap(({ name, messages }) => messages.map((message) => ({ name, message })))
  const again = Array.from({ length: Math.ceil(once.length / 5) }, () => random.pick(once))
  for (const { name, message } of shuffled([...once, ...again], random))
    await publish(clients, `projects/${projectId}/topics/${name}`, [message])
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item)
}

async function settled(system: TestSystem): Promise<void> {
  await until(
    async () => examples.map(({ name }) => unsettled(system, name)),
    (left) => left.every((one) => one === 0),
  )
}

/** How many messages of those that were published are not acked. */
function unsettled({ stack }: TestSystem, name: string): number | undefined {
  return stack.pubsub?.emulator?.inspect(`projects/${projectId}/subscriptions/${name}-sub`).messages.length
}

/** As `psql --csv` prints it. */
async function csv(sql: pg.Client, query: string): Promise<string> {
  const types = { getTypeParser: () => (text: string) => text }
  const { fields, rows } = await sql.query<(string | null)[]>({ text: query, rowMode: 'array', types })
  const lines = [fields.map(({ name }) => name), ...rows]
  return lines.map((cells) => `${cells.map(csvCell).join(',')}\n`).join('')
}

function csvCell(value: string | null): string {
  if (value === null) return ''
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

async function deadLetters(sql: pg.Client, pipeline: string): Promise<string[]> {
  const text = 'SELECT DISTINCT reason, detail FROM dead_letters WHERE pipeline = $1'
  const { rows } = await sql.query<{ reason: string; detail: string }>(text, [pipeline])
  return rows.map(({ reason, detail }) => `${reason}: ${detail}`).sort()
}

function assertDeadLetters(found: readonly string[], { name, deadLetters: expected }: MappingCase): void {
  const shown = found.map((line, at) => {
    const wanted = expected[at]
    const begins = wanted?.endsWith('…') === true && line.startsWith(wanted.slice(0, -1))
    return begins ? wanted : line
  })
  assert.deepEqual(shown, expected, `the dead letters of ${name}`)
}
