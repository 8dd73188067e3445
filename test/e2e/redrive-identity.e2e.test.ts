// Redriving messages of pipelines whose records count once each: what has counted does not count again.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectDir } from '#runtime/project.ts'
import { deadLetters } from '../support/dead-letters.ts'
import { createLog, createSums } from '../support/increment-pipelines.ts'
import { startIngesterProgram } from '../support/program.ts'
import type { TestSystem } from '../support/system.ts'
import { projectId, startSystem, until } from '../support/system.ts'

describe('of a message of two records one was a dead letter', async () => {
  let system: TestSystem
  const folder = await mkdtemp(join(tmpdir(), 'redrive-identity-'))
  const moduleOf = (name: string) => join(folder, `${name}.mjs`)
  const exported = { sums: 'incrementSums', log: 'incrementLog' }
  beforeAll(async () => {
    system = await startSystem()
    for (const [name, pipeline] of Object.entries(exported)) {
      const from = join(projectDir, 'test/support/increment-pipelines.ts')
      await writeFile(moduleOf(name), `export { ${pipeline} as default } from ${JSON.stringify(from)}\n`)
    }
    await system.sql.query(`${createSums}; ${createLog}`)
  })
  afterAll(async () => {
    await system[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  const publish = (topic: string, data: string) =>
    system.clients.publisher.publish({
      topic: `projects/${projectId}/topics/${topic}`,
      messages: [{ data: Buffer.from(data) }],
    })
  const redrive = (name: string, ...args: string[]) =>
    deadLetters(system, ['redrive', '--yes', '--pipeline', moduleOf(name), ...args])
  const rowsOf = async (text: string) => (await system.sql.query({ text, rowMode: 'array' })).rows.flat()
  const lettersOf = (name: string) =>
    rowsOf(`SELECT reason || ' ' || status FROM dead_letters WHERE pipeline = '${name}' ORDER BY id`)
  /** Publishes a message and waits for its row: what came before it is settled, too. */
  const settled = async (name: string, key: string) => {
    await publish(name, `${key} 1`)
    await until(
      () => rowsOf(`SELECT key FROM ${name} WHERE key = '${key}'`),
      (rows) => rows.length > 0,
    )
    await until(
      async () => system.stack.pubsub?.emulator?.inspect(`projects/${projectId}/subscriptions/${name}-sub`),
      (view) => view?.counts.available === 0 && view.counts.leased === 0,
    )
  }

  test.for([
    ['sums', `SELECT key || ' ' || value FROM sums WHERE key IN ('a', 'b') ORDER BY 1`],
    ['log', `SELECT key || ' ' || amount FROM log WHERE key IN ('a', 'b') ORDER BY 1`],
  ] as const)('%s: the other does not count twice, however often it is redriven', async ([name, text]) => {
    await system.sql.query(`ALTER TABLE ${name} ADD CONSTRAINT no_b CHECK (key <> 'b')`)
    await using run = startIngesterProgram(['run', '--pipeline', moduleOf(name)], { env: system.env })
    await run.said(new RegExp(`${name}-sub`))
    await publish(name, 'a 1;b 2')
    await until(
      () => lettersOf(name),
      (found) => found.length === 1,
    )
    assert.deepEqual(await rowsOf(text), ['a 1'])
    // Too early: it comes back, and keeps the first identity.
    expect((await redrive(name)).stdout).toContain('published 1')
    await until(
      () => lettersOf(name),
      (found) => found.length === 2,
    )
    await system.sql.query(`ALTER TABLE ${name} DROP CONSTRAINT no_b`)
    expect((await redrive(name)).stdout).toContain('published 1')
    expect((await redrive(name, '--status', 'redriven')).stdout).toContain('published 2')
    await settled(name, 'end')
    assert.deepEqual(await rowsOf(text), ['a 1', 'b 2'])
    assert.deepEqual(await lettersOf(name), ['refused-by-database redriven', 'refused-by-database redriven'])

    // What is asked for explicitly.
    expect((await redrive(name, '--status', 'redriven', '--limit', '1', '--as-new')).code).toBe(0)
    await settled(name, 'end2')
    assert.deepEqual(await rowsOf(text), name === 'sums' ? ['a 2', 'b 4'] : ['a 1', 'a 1', 'b 2', 'b 2'])
  })

  test('one from before the horizon comes back as too-old, which is said; --as-new counts it', async () => {
    await system.sql.query(
      `INSERT INTO dead_letters (pipeline, subscription, message_id, publish_time, ordering_key, attributes, data, reason, detail, delivery_attempt, times_seen)
       VALUES ('sums', 'projects/${projectId}/subscriptions/sums-sub', '77', now() - interval '9 days', '', '{}', 'old 5', 'too-old', 'why', 1, 1)`,
    )
    await using run = startIngesterProgram(['run', '--pipeline', moduleOf('sums')], { env: system.env })
    await run.said(/sums-sub/)
    const said = /^1 were published longer ago than INGESTER_IDENTITY_HORIZON \(192h\): .*too-old.*--as-new/m
    const dry = await redrive('sums', '--reason', 'too-old', '--dry-run')
    expect(dry.stderr).toMatch(said)
    const { stdout, stderr } = await redrive('sums', '--reason', 'too-old')
    expect(stdout).toContain('published 1')
    expect(stderr).toMatch(said)
    await until(
      () => rowsOf(`SELECT status FROM dead_letters WHERE reason = 'too-old' ORDER BY id`),
      (found) => found.join() === 'redriven,new',
    )
    const asNew = await redrive('sums', '--reason', 'too-old', '--as-new')
    expect(asNew.stderr).not.toMatch(said)
    await until(
      () => rowsOf(`SELECT value FROM sums WHERE key = 'old'`),
      ([value]) => value === '5',
    )
  })
})
