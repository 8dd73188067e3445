import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll, describe, test } from 'vitest'
import { within } from '../../test/support/within.ts'
import { LogDestination, flushed } from './log-destination.ts'
import { skippedFor } from '../../test/support/skip.ts'

/** A stream whose reader takes a line each time it is told to, or fails. */
function slowReader() {
  const taken: string[] = []
  const waiting: ((error?: Error) => void)[] = []
  const stream = new Writable({
    decodeStrings: false,
    autoDestroy: false,
    emitClose: false,
    write: (line: string, _encoding, done) => {
      waiting.push((error) => {
        if (!error) taken.push(line)
        done(error)
      })
    },
  })
  const takeAll = () => {
    for (let done = waiting.shift(); done; done = waiting.shift()) done()
  }
  return {
    stream,
    taken,
    takeAll,
    fail: (code: string) => waiting.shift()?.(Object.assign(new Error(), { code })),
  }
}

function destination(stream: Writable, maxChars?: number) {
  const reports: number[] = []
  const options = maxChars === undefined ? {} : { maxChars }
  return {
    to: new LogDestination(stream, { reportDropped: (lines) => reports.push(lines), ...options }),
    reports,
  }
}

describe('a log whose reader', () => {
  test('keeps up loses nothing', () => {
    const { stream, taken, takeAll } = slowReader()
    const { to, reports } = destination(stream, 20)
    for (let i = 0; i < 100; i += 1) {
      to.write(`line ${i}\n`, false)
      takeAll()
    }
    assert.deepEqual([taken.length, to.dropped, reports], [100, 0, []])
  })

  test('falls behind keeps the oldest lines up to the limit, counts the rest, and reports it when read again', () => {
    const { stream, taken, takeAll } = slowReader()
    const { to, reports } = destination(stream, 100)
    for (let i = 0; i < 50; i += 1) to.write(`line ${i + 10}\n`, false)
    assert.equal(stream.writableLength, 96)
    assert.deepEqual([to.dropped, reports], [38, []])
    takeAll()
    assert.deepEqual(
      taken,
      Array.from({ length: 12 }, (_, i) => `line ${i + 10}\n`),
    )
    assert.deepEqual([to.dropped, reports], [38, [38]])
    to.write('after\n', false)
    takeAll()
    assert.deepEqual([taken.at(-1), to.dropped, reports], ['after\n', 38, [38]], 'once')
  })

  test('falls behind still gets the errors, for which some buffer is reserved', () => {
    const { stream, taken, takeAll } = slowReader()
    const { to } = destination(stream, 100)
    for (let i = 0; i < 50; i += 1) to.write('nothing\n', false)
    to.write('why it fails\n', true)
    takeAll()
    assert.equal(taken.at(-1), 'why it fails\n')
  })

  test('gets a line that is longer than the limit, by itself', () => {
    const { stream, taken, takeAll } = slowReader()
    const { to } = destination(stream, 10)
    to.write('x'.repeat(1000), false)
    takeAll()
    assert.deepEqual([taken.length, to.dropped], [1, 0])
  })

  test('is gone is not written to any more, and everything is counted', () => {
    const { stream, fail } = slowReader()
    const { to, reports } = destination(stream)
    to.write('first\n', false)
    fail('EPIPE')
    for (let i = 0; i < 10; i += 1) to.write('more\n', true)
    assert.deepEqual([to.dropped, stream.writableLength, reports], [11, 0, []])
  })
})

const folder = await mkdtemp(join(tmpdir(), 'log-destination-'))
afterAll(() => rm(folder, { recursive: true }))
const module = new URL('./log-destination.ts', import.meta.url).href

/** Writes 4 MB of log, goes on with its work meanwhile, notes how that went, and ends. */
const program = `
  const { writeFileSync } = await import('node:fs')
  const { LogDestination, flushed } = await import(${JSON.stringify(module)})
  const log = new LogDestination(process.stderr, { reportDropped: () => {} })
  let turns = 0
  for (let i = 0; i < 4000; i += 1) {
    log.write('x'.repeat(1000) + '\\n', false)
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(() => resolve(turns += 1)))
  }
  const isRead = await flushed(process.stderr, 200)
  writeFileSync(process.env.NOTE, JSON.stringify({ turns, dropped: log.dropped, isRead }))
  process.exit(7)`

interface Note {
  readonly turns: number
  readonly dropped: number
  readonly isRead: boolean
}

/** Runs it by a shell line, in which `$RUN` stands for it. */
async function run(name: string, line: string) {
  const note = join(folder, name)
  const env = { PATH: process.env['PATH'], NODE: process.execPath, PROGRAM: program, NOTE: note }
  const shellLine = line.replace('$RUN', '"$NODE" --input-type=module -e "$PROGRAM"')
  const child = spawn('/bin/sh', ['-c', shellLine], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  try {
    await within(`the end of a program whose log goes to ${name}`, once(child, 'exit'), 20_000)
  } finally {
    // What is left of its process group: a reader that does not read.
    if (child.pid !== undefined) endGroup(child.pid)
  }
  return { code: child.exitCode, note: JSON.parse(await readFile(note, 'utf8')) as Note }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH')
  }
}

describe('a process whose log is not read continues, and exits when it wants to', {
  concurrent: true,
}, () => {
  test('on a socket', async () => {
    // Nothing reads its stderr.
    const { code, note } = await run('a socket', 'exec $RUN')
    assert.equal(code, 7)
    assert.ok(note.dropped > 1000 && note.turns === 40 && !note.isRead, JSON.stringify(note))
  })

  test('on a pipe', async () => {
    const { note } = await run('a pipe', '{ $RUN 2>&1 >/dev/null; kill -9 0; } | exec sleep 60')
    assert.ok(note.dropped > 1000 && note.turns === 40 && !note.isRead, JSON.stringify(note))
  })

  test('on a terminal', skippedFor(process.platform !== 'linux' && 'script differs'), async () => {
    // `script` is itself stopped by the reader that does not read, so it is the program's end that is waited for.
    const onTerminal = `$RUN; echo $? >"$NOTE.code"`
    const line = `script -qec '${onTerminal}' /dev/null & until [ -s "$NOTE.code" ]; do sleep 0.1; done; kill -9 0`
    const { note } = await run('a terminal', line)
    assert.ok(note.dropped > 1000 && note.turns === 40 && !note.isRead, JSON.stringify(note))
    assert.equal(await readFile(join(folder, 'a terminal.code'), 'utf8'), '7\n')
  })

  test('when the reader of a pipe has gone', async () => {
    const { note } = await run('a closed pipe', '{ sleep 0.1; $RUN 2>&1 >/dev/null; } | true')
    assert.ok(note.dropped >= 3999 && note.isRead, JSON.stringify(note))
  })

  test('and loses nothing in a file, and on a full disk only what does not fit', async () => {
    const { code, note } = await run('a file', `exec $RUN 2>'${join(folder, 'log')}'`)
    assert.deepEqual([code, note.dropped, note.isRead], [7, 0, true])
    assert.equal((await readFile(join(folder, 'log'))).length, 4_004_000)
    if (process.platform !== 'linux') return
    const full = await run('a full disk', 'exec $RUN 2>/dev/full')
    assert.deepEqual([full.code, full.note.dropped], [7, 4000])
  })
})

describe('flushing', () => {
  test('ends when everything is written, or cannot be, or else after its timeout', async () => {
    const { stream, takeAll, fail } = slowReader()
    stream.on('error', () => {})
    assert.equal(await flushed(stream, 1000), true, 'nothing is there')
    stream.write('x')
    assert.equal(await flushed(stream, 10), false)
    const done = flushed(stream, 10_000)
    takeAll()
    assert.equal(await done, true)
    stream.write('x')
    const failed = flushed(stream, 10_000)
    fail('EPIPE')
    assert.equal(await failed, true)
  })
})
