// A column of each type, deletions, ties, bad values among good ones, three replicas of which some are killed: in the end the
// table is digit by digit what SQL alone makes of the messages.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { publish } from '#pubsub/publisher.ts'
import { createTable, differencesText, everyTypeMessages, everyTypeModule } from '../support/every-type.ts'
import type { Program } from '../support/program.ts'
import { startIngesterProgram } from '../support/program.ts'
import { showSeed } from '../support/seed.ts'
import { projectId, startSystem, until } from '../support/system.ts'

const count = Number(process.env['TEST_MESSAGES'] ?? 100_000)
const chunk = 1000

test(`${count} messages for a column of each type, three replicas, four kills`, {
  timeout: 900_000,
}, async (t) => {
  await using system = await startSystem({}, { superuser: true })
  const folder = await mkdtemp(join(tmpdir(), 'every-type-'))
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
  const module = join(folder, 'every-type.mjs')
  await writeFile(module, everyTypeModule())
  await system.sql.query(createTable)

  const start = async (): Promise<Program> => {
    const program = startIngesterProgram(['run', '--pipeline', module], { env: system.env })
    await program.said(/"admin":"(http[^"]+)"/)
    return program
  }
  const replicas = [await start(), await start(), await start()]
  await using _all = {
    [Symbol.asyncDispose]: async () => {
      for (const replica of replicas) await replica[Symbol.asyncDispose]()
    },
  }

  const messages = everyTypeMessages(showSeed(t), count)
  const killAt = new Set(
    [0.2, 0.4, 0.6, 0.8].map((part) => chunk * Math.floor((messages.length * part) / chunk)),
  )
  let killed = 0
  for (let from = 0; from < messages.length; from += chunk) {
    const some = messages.slice(from, from + chunk)
    await system.sql.query('INSERT INTO sent SELECT * FROM unnest($1::jsonb[], $2::boolean[]) WHERE true', [
      some.map(({ body }) => storable(body)),
      some.map(({ isBad }) => isBad),
    ])
    await publish(
      system.clients,
      `projects/${projectId}/topics/every-type`,
      some.map(({ body }) => ({ data: Buffer.from(JSON.stringify(body)) })),
    )
    if (!killAt.has(from)) continue
    const victim = replicas[killed % replicas.length] as Program
    victim.signal('SIGKILL')
    await expect(victim).toEndWith('SIGKILL')
    replicas[killed % replicas.length] = await start()
    killed += 1
  }
  expect(killed).toBe(4)

  const differences = async () => (await system.sql.query(differencesText)).rows[0] as Differences
  const found = await until(differences, ({ lacking, wrong }) => lacking + wrong === 0, 600_000)
  expect(found.expected).toBeGreaterThan(count / 10)
  const { rows: letters } = await system.sql.query<{ reason: string; count: number }>(
    'SELECT reason, count(*)::integer AS count FROM dead_letters GROUP BY reason ORDER BY reason',
  )
  const bad = messages.filter(({ isBad }) => isBad).length
  void t.annotate(`${found.expected} rows, ${bad} bad messages, dead letters: ${JSON.stringify(letters)}`)
  expect(letters.map(({ reason }) => reason)).toEqual(['bad-value', 'refused-by-database'])
  // What a newer message of its key made stale was never tried.
  expect(letters.reduce((sum, one) => sum + one.count, 0)).toBeLessThanOrEqual(bad)
  for (const replica of replicas) replica.signal('SIGTERM')
  for (const replica of replicas) await expect(replica).toEndWith(0)
})

interface Differences {
  readonly expected: number
  readonly lacking: number
  readonly wrong: number
}

/** Bad ones may have what PostgreSQL's own JSON does not take; they are only counted. */
function storable(body: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(body)
  return /\\u0000|\\ud800/.test(text) ? '{}' : text
}
