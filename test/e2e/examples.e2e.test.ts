// The mapping files of examples/ and docs/COMING-FROM.md, in one process: messages in random order, some of them several times,
// and the tables that come of them.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, test } from 'vitest'
import { publish } from '#pubsub/publisher.ts'
import { Random } from '#demo/random.ts'
import type { MappingCase } from '../support/mapping-case.ts'
import { comingFromCases } from '../support/coming-from.ts'
import { runInProcess } from '../support/in-process.ts'
import { exampleCases, linesOf } from '../support/mapping-case.ts'
import { runToEnd, startIngesterProgram, startProgram } from '../support/program.ts'
import { showSeed } from '../support/seed.ts'
import type { TestSystem } from '../support/system.ts'
import { metric, projectId, startSystem, until } from '../support/system.ts'

const folder = await mkdtemp(join(tmpdir(), 'examples-'))
afterAll(() => rm(folder, { recursive: true }))
const examples = await exampleCases()
const all: readonly MappingCase[] = [...examples, ...(await comingFromCases(folder))]
/** The rules by which each of them ignores some of its messages. */
const ignored = {
  payments: ['live', 'final', 'external'],
  readings: ['empty'],
  audit: ['recorded', 'empty'],
  usage: ['billed'],
  'rc-orders': ['live'],
}

test('check finds no fault in a mapping, and try rejects the same messages as the ingester does', async () => {
  await using system = await startSystem()
  for (const { table } of all) await system.sql.query(table)
  for (const { path } of all) {
    const checked = await runInProcess(['check', path], system.env)
    assert.equal(checked.code, 0, `${path}: ${checked.stdout}${checked.stderr}`)
  }
  for (const { path, input, isEnvelope, deadLetters } of examples) {
    const args = ['try', path, '--input', input, '--json', ...(isEnvelope ? ['--envelope'] : [])]
    const { code, stdout, stderr } = await runInProcess(args, system.env)
    assert.equal(code, 4, stderr)
    const tried = linesOf(stdout).map(
      (line) => JSON.parse(line) as { rejected: readonly { reason: string }[] },
    )
    const reasons = tried.flatMap(({ rejected }) => rejected.slice(0, 1).map(({ reason }) => reason))
    assert.deepEqual(reasons.sort(), deadLetters.map(reasonOf).filter(isFoundByTry).sort(), path)
  }
})

const reasonOf = (line: string) => line.slice(0, line.indexOf(':'))
/** Not what only the database knows. */
const isFoundByTry = (reason: string) => reason !== 'refused-by-database'

test('each mapping gives the rows and the dead letters that stand beside it, in whatever order its messages come', async (t) => {
  const random = new Random(showSeed(t))
  await using system = await startSystem()
  const { writer } = system.postgres
  await system.sql.query(
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${writer.user}`,
  )
  await system.sql.query(`GRANT EXECUTE ON FUNCTION keep_applied_days TO ${writer.user}`)
  for (const { table } of all) await system.sql.query(table)
  const env = {
    ...system.env,
    INGESTER_POSTGRES_USER: writer.user,
    INGESTER_POSTGRES_PASSWORD: writer.password,
    INGESTER_WORKER_COUNT: '1',
    INGESTER_POSTGRES_POOL_SIZE: String(2 * all.length),
  }
  const named = all.flatMap(({ path }) => ['--pipeline', path])
  await using run = startIngesterProgram(['run', ...named], { env })
  const consuming = all.map(({ name }) => `(?=[^]*subscriptions/${name}-sub)`)
  await run.said(new RegExp(`^${consuming.join('')}`))
  await publishShuffled(system, random)
  await settled(system)
  for (const one of all) {
    assert.equal(await csv(system.sql, one.query), one.rows, `the rows of ${one.name}`)
    assertDeadLetters(await deadLetters(system.sql, one.name), one)
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

test('publishing envelopes with a Node.js that is too old says which one is needed', async () => {
  const older = ['--import', 'data:text/javascript,delete JSON.rawJSON']
  const { code, stderr } = await runToEnd(
    startProgram(process.execPath, [...older, 'examples/publish.mjs', '--envelope', 'topic', 'file']),
  )
  assert.equal(code, 2)
  assert.match(stderr, /^--envelope needs Node\.js 22 or newer; this is v\d+\.\d+\.\d+\n$/)
})

async function publishShuffled({ clients }: TestSystem, random: Random): Promise<void> {
  const once = all.flatMap(({ name, messages }) => messages.map((message) => ({ name, message })))
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
    async () => all.map(({ name }) => unsettled(system, name)),
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
