import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import type { LoggerOptions } from './logger.ts'
import { createLogger, logLevels } from './logger.ts'

const module = new URL('./logger.ts', import.meta.url).href

/** Logs in a process of its own, that ends at once after it, with no time for last words. */
function logged(options: LoggerOptions, calls: string) {
  const program = `
    const { createLogger } = await import(${JSON.stringify(module)})
    const logger = createLogger(${JSON.stringify(options)})
    ${calls}
    process.kill(process.pid, 'SIGKILL')`
  const { stdout, stderr, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  assert.equal(signal, 'SIGKILL', stderr)
  assert.equal(stdout, '', 'stdout is for data')
  return stderr
}

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '')
const objectsOf = (text: string) => linesOf(text).map((line): Record<string, unknown> => JSON.parse(line))

const everyLevel = `
  logger.debug({}, 'debug')
  logger.info({}, 'info')
  logger.warn({}, 'warn')
  logger.error({}, 'error')`

describe('the log', () => {
  test('is JSON lines with level, time and msg, on stderr, complete when the process ends', () => {
    const before = Date.now()
    const lines = objectsOf(
      logged(
        { level: 'debug', output: 'json' },
        `${everyLevel}
      for (let i = 0; i < 1000; i++) logger.info({ i, name: 'a\\nb' }, 'many')`,
      ),
    )
    assert.equal(lines.length, 1004)
    assert.deepEqual(
      lines.slice(0, 4).map(({ level, msg }) => [level, msg]),
      [
        [20, 'debug'],
        [30, 'info'],
        [40, 'warn'],
        [50, 'error'],
      ],
    )
    for (const { time } of lines) {
      assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.ok(Date.parse(String(time)) >= before - 1 && Date.parse(String(time)) <= Date.now())
    }
    const { time: _, ...last } = lines.at(-1) ?? {}
    assert.deepEqual(last, { level: 30, i: 999, name: 'a\nb', msg: 'many' })
  })

  test('has no line below its level', () => {
    const expected = { trace: 4, debug: 4, info: 3, warn: 2, error: 1, silent: 0 }
    for (const level of logLevels) {
      assert.equal(linesOf(logged({ level, output: 'json' }, everyLevel)).length, expected[level], level)
    }
  })

  for (const output of ['json', 'console'] as const) {
    test(`masks what has a secret's name (${output})`, () => {
      const text = logged(
        { level: 'info', output },
        `
        const secrets = { password: 'hunter2', token: 'hunter2', authorization: 'hunter2' }
        logger.info({ ...secrets, user: 'scanner' }, 'at the top')
        logger.info({ postgres: { ...secrets, host: 'db' } }, 'one below')`,
      )
      assert.ok(!text.includes('hunter2'), text)
      for (const word of ['***', 'scanner', 'db', 'at the top', 'one below'])
        assert.ok(text.includes(word), word)
    })
  }

  test('for people has the time, the level and the message on a line, without colours in a file', () => {
    const text = logged(
      { level: 'info', output: 'console' },
      `logger.warn({ tries: 3 }, 'waiting for PostgreSQL')`,
    )
    assert.match(text, /^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: waiting for PostgreSQL\n {4}tries: 3\n$/)
  })

  for (const output of ['json', 'console'] as const) {
    test(`goes where it is told to, a whole line at a time (${output})`, () => {
      const lines: string[] = []
      const logger = createLogger({ level: 'info', output, write: (line) => void lines.push(line) })
      logger.debug({}, 'not this')
      logger.warn({ password: 'hunter2', tries: 3 }, 'this')
      assert.equal(lines.length, 1)
      assert.match(
        lines[0] as string,
        output === 'json' ? /"tries":3.*"msg":"this"\}\n$/ : /WARN.*: .*this[^]*tries.*: 3\n$/,
      )
      assert.ok(!lines[0]?.includes('hunter2'))
    })
  }
})
