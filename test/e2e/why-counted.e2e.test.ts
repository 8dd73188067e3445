// Pipelines whose records count once each, as `why`, `cache bump` and `doctor` see them: there is no cache.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtInPipelines } from '#connect/pipelines.ts'
import type { MessageStatus, SumStatus } from '#dead-letters/counted-status.ts'
import { projectDir } from '#runtime/project.ts'
import { createLog, createSums } from '../support/increment-pipelines.ts'
import { runInProcess } from '../support/in-process.ts'
import { runAsProgram, startIngesterProgram } from '../support/program.ts'
import type { TestSystem } from '../support/system.ts'
import { projectId, startSystem, until } from '../support/system.ts'

describe('records that count once', async () => {
  let system: TestSystem
  let run: ReturnType<typeof startIngesterProgram>
  const folder = await mkdtemp(join(tmpdir(), 'why-counted-'))
  const moduleOf = (name: string) => join(folder, `${name}.mjs`)
  const request = 'a'.repeat(64)
  const ids: string[] = []
  /** Without Redis: it is not asked. */
  const env = () => ({ ...system.env, INGESTER_REDIS_ADDR: '127.0.0.1:1' })
  const why = (name: string, ...words: string[]) =>
    runInProcess(['why', '--pipeline', moduleOf(name), ...words], env())
  const found = async <T>(name: string, word: string): Promise<T> => {
    const { code, stdout, stderr } = await why(name, word, '--json')
    assert.deepEqual([code, stderr], [0, ''])
    return JSON.parse(stdout)
  }

  beforeAll(async () => {
    system = await startSystem()
    const from = join(projectDir, 'test/support/increment-pipelines.ts')
    for (const [name, pipeline] of [
      ['sums', 'incrementSums'],
      ['log', 'incrementLog'],
    ] as const)
      await writeFile(moduleOf(name), `export { ${pipeline} as default } from ${JSON.stringify(from)}\n`)
    await system.sql.query(`${createSums}; ${createLog}`)
    run = startIngesterProgram(['run', '--pipeline', moduleOf('sums'), '--pipeline', moduleOf('log')], {
      env: system.env,
    })
    await run.said(/log-sub/)
    for (const topic of ['sums', 'log']) {
      const [{ messageIds }] = await system.clients.publisher.publish({
        topic: `projects/${projectId}/topics/${topic}`,
        messages: [
          { data: Buffer.from('a 1;b 2') },
          { data: Buffer.from('a 4'), attributes: { 'ingester-request': request } },
          { data: Buffer.from('not an increment of c') },
        ],
      })
      ids.push(...(messageIds ?? []))
    }
    await until(
      async () => (await system.sql.query('SELECT FROM dead_letters')).rowCount,
      (count) => count === 2,
    )
    await until(
      async () => (await system.sql.query('SELECT FROM log')).rowCount,
      (count) => count === 3,
    )
    await until(
      async () => (await system.sql.query(`SELECT value FROM sums WHERE key = 'a'`)).rows,
      ([row]) => row?.value === '5',
    )
  })
  afterAll(async () => {
    await run[Symbol.asyncDispose]()
    await system[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  test('a key of sums: its row, what has counted, and its dead letters', async () => {
    const { counted, deadLetters, ...rest } = await found<SumStatus>('sums', 'key=a')
    assert.deepEqual(rest, {
      pipeline: 'sums',
      key: { key: 'a' },
      verdict: 'stored',
      row: { values: { key: 'a', value: '5' } },
    })
    assert.deepEqual([counted?.records, counted?.requests, deadLetters.count], [1, 1, 0])
    for (const at of [counted?.lastPublishedAt, counted?.lastRequestAt])
      assert.ok(Math.abs(Date.now() - Date.parse(at ?? '')) < 60_000, String(at))
    const { stdout } = await why('sums', 'key=a')
    expect(stdout).toMatch(
      /^sums key=a: stored\n\n {2}row {11}value 5\n {2}counted {7}1 record of messages, .*; 1 record of requests/,
    )
    expect(stdout).toMatch(/^ {2}cache {9}not used: each record counts, and none is stale$/m)
    expect(stdout).toMatch(/^ {2}unsettled {5}not known here: .*\/metrics$/m)

    const dead = await found<SumStatus>('sums', 'key=c')
    assert.deepEqual([dead.verdict, dead.row, dead.counted?.records], ['dead-lettered', null, 0])
    assert.deepEqual(
      dead.deadLetters.letters.map(({ match, reason }) => [match, reason]),
      [['text', 'malformed']],
    )
    assert.equal((await found<SumStatus>('sums', 'key=z')).verdict, 'unknown')
  })

  test('a message, by its id: which of its records have counted', async () => {
    for (const [name, at] of [
      ['sums', 0],
      ['log', 3],
    ] as const) {
      const [whole, ofRequest, bad] = ids.slice(at) as [string, string, string]
      const { records, ...rest } = await found<MessageStatus>(name, `message=${whole}`)
      assert.deepEqual(
        records?.map(({ index }) => index),
        [0, 1],
      )
      assert.deepEqual([rest.pipeline, rest.message, rest.verdict], [name, whole, 'stored'])
      assert.equal(
        (await found<MessageStatus>(name, `message=${ofRequest}`)).verdict,
        'unknown',
        'known by its request',
      )
      const asked = await found<MessageStatus>(name, `request=${request}`)
      assert.deepEqual([asked.verdict, asked.records?.length, asked.request], ['stored', 1, request])
      const dead = await found<MessageStatus>(name, `message=${bad}`)
      assert.deepEqual([dead.verdict, dead.deadLetters.letters[0]?.match], ['dead-lettered', 'message'])
      expect((await why(name, `message=${bad}`)).stdout).toMatch(/^message \d+ of \w+: it is a dead letter\n/)
    }
  })

  test('the lines of the help, and of the page of increments, find their pipeline', async () => {
    const help = (await runInProcess(['why', '--help'], {})).stdout
    const page = await readFile(join(projectDir, 'src/systems/increments/README.md'), 'utf8')
    const lines = [...`${help}\n${page}`.matchAll(/^ *bin\/ingester why (.+) --env-file \.env$/gm)]
    assert.ok(lines.length > builtInPipelines.length)
    const asked = new Set<string>()
    for (const [, line = ''] of lines) {
      const { code, stdout, stderr } = await runInProcess(['why', ...line.split(' '), '--json'], env())
      assert.deepEqual([code, stderr], [0, ''], line)
      asked.add((JSON.parse(stdout) as SumStatus).pipeline)
    }
    assert.deepEqual(asked, new Set(builtInPipelines.map(({ name }) => name)))
    const { code, stderr } = await runInProcess(['why', '5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'], env())
    assert.equal(code, 2)
    expect(stderr).toMatch(
      /a key has 3 words here, not 1 .*; for a record of another pipeline add --pipeline \(increments, /,
    )
  })

  test('rows that are appended have no key: it says what to name', async () => {
    const { code, stderr } = await why('log', 'key=a')
    assert.equal(code, 2)
    expect(stderr).toMatch(
      /rows of log are appended, and have no key; name a message: message=<id>, or a request/,
    )
  })

  test('cache bump says that there is no cache', async () => {
    const { code, stderr } = await runInProcess(['cache', 'bump', '--pipeline', moduleOf('sums')], env())
    assert.equal(code, 2)
    expect(stderr).toMatch(/the pipeline sums has no cache: each of its records counts, and none is stale/)
  })

  test('doctor checks the days and the horizon, and asks no Redis', async () => {
    const { stdout } = await runAsProgram(['doctor', '--json', '--pipeline', moduleOf('sums')], env())
    const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; detail: string }[] }
    const of = (name: string) => checks.find((one) => one.name === name)
    assert.deepEqual(
      [of('redis')?.status, of('redis')?.detail],
      ['ok', 'not used: each record counts, and none is stale'],
    )
    for (const name of ['function keep_applied_days', 'days of applied_messages', 'identity horizon'])
      assert.equal(of(name)?.status, 'ok', name)
    assert.ok(!checks.some(({ name }) => /^(epoch|redis .*)$/.test(name)))
  })
})
