// From a table to its rows without code: `init`, `check`, `try`, `run`; then deletions, duplicates, bad values, two replicas of
// which one is killed. In the end the table is digit by digit what SQL alone makes of the messages.
import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { publish } from '#pubsub/publisher.ts'
import type { OwnMessage } from '../support/own-table.ts'
import { ownDifferences, ownMessages, ownTable } from '../support/own-table.ts'
import type { ProgramResult } from '../support/program.ts'
import { projectDir, runToEnd, startProgram } from '../support/program.ts'
import { showSeed } from '../support/seed.ts'
import { projectId, startSystem, until } from '../support/system.ts'

const count = Number(process.env['TEST_MESSAGES'] ?? 100_000)
/** Also that of the packed package. */
const ingester = process.env['TEST_INGESTER'] ?? join(projectDir, 'bin/ingester')
const chunk = 1000

test(`${count} messages into a table of one's own, two replicas, one kill`, {
  timeout: 900_000,
}, async (t) => {
  await using system = await startSystem({}, { superuser: true })
  const folder = await mkdtemp(join(tmpdir(), 'mapping-'))
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
  await system.sql.query(ownTable)
  const start = (...args: readonly string[]) => startProgram(ingester, args, { cwd: folder, env: system.env })
  const done = async (...args: readonly string[]): Promise<ProgramResult> => {
    const result = await runToEnd(start(...args))
    void t.annotate(`$ ingester ${args.join(' ')}\n${result.stdout}${result.stderr}`)
    assert.equal(result.code, 0, result.stderr)
    return result
  }

  const messages = ownMessages(showSeed(t), count)
  await done('init', '--table', 'shop.things')
  const file = 'things.pipeline.yaml'
  await appendFile(join(folder, file), 'delete: { when: { path: op, equals: D } }\n')
  await done('check', file)
  const samples = messages.filter(({ isBad }) => !isBad).slice(0, 3)
  await writeFile(join(folder, 'samples.jsonl'), samples.map(({ body }) => `${body}\n`).join(''))
  await done('try', file, '--input', 'samples.jsonl')

  await using kept = start('run', '--pipeline', file)
  await using killed = start('run', '--pipeline', file)
  for (const replica of [kept, killed]) await replica.said(/"consuming"/)
  for (let from = 0; from < messages.length; from += chunk) {
    await send(messages.slice(from, from + chunk))
    if (from !== chunk * Math.floor(messages.length / 2 / chunk)) continue
    killed.signal('SIGKILL')
    await expect(killed).toEndWith('SIGKILL')
  }

  const differences = async () => (await system.sql.query(ownDifferences)).rows[0] as Differences
  const found = await until(differences, ({ lacking, wrong }) => lacking + wrong === 0, 600_000)
  expect(found.expected).toBeGreaterThan(count / 10)
  const { rows: letters } = await system.sql.query<{ reason: string; count: number }>(
    'SELECT reason, count(*)::integer AS count FROM dead_letters GROUP BY reason ORDER BY reason',
  )
  const bad = messages.filter(({ isBad }) => isBad).length
  void t.annotate(`${found.expected} rows, ${bad} bad messages, dead letters: ${JSON.stringify(letters)}`)
  expect(letters.map(({ reason }) => reason)).toEqual(['bad-value', 'refused-by-database', 'wrong-type'])
  // What a newer message of its key made stale was never tried.
  expect(letters.reduce((sum, one) => sum + one.count, 0)).toBeLessThanOrEqual(bad)
  kept.signal('SIGTERM')
  await expect(kept).toEndWith(0)

  async function send(some: readonly OwnMessage[]): Promise<void> {
    await system.sql.query('INSERT INTO sent SELECT * FROM unnest($1::text[], $2::boolean[])', [
      some.map(({ body }) => body),
      some.map(({ isBad }) => isBad),
    ])
    const data = some.map(({ body }) => ({ data: Buffer.from(body) }))
    await publish(system.clients, `projects/${projectId}/topics/things`, data)
  }
})

interface Differences {
  readonly expected: number
  readonly lacking: number
  readonly wrong: number
}
