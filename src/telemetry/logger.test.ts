import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { LogOutput, LoggerOptions } from './logger.ts'
import { createLogger, fatalLine, logLevels } from './logger.ts'

const service = { name: 'ingester', version: '1.2.3', projectId: 'my-project' }

/** What is written by some calls, and of each whether it was called an error. */
function logged(
  options: Partial<LoggerOptions>,
  log: (logger: ReturnType<typeof createLogger>) => void,
): { text: string; errors: boolean[] } {
  const lines: string[] = []
  const errors: boolean[] = []
  const write = (line: string, isError: boolean) => {
    lines.push(line)
    errors.push(isError)
  }
  log(createLogger({ level: 'info', output: 'json', service, write, ...options }))
  return { text: lines.join(''), errors }
}

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '')
const objectsOf = (text: string) => linesOf(text).map((line): Record<string, unknown> => JSON.parse(line))

const everyLevel = (logger: ReturnType<typeof createLogger>) => {
  logger.debug({}, 'debug')
  logger.info({}, 'info')
  logger.warn({}, 'warn')
  logger.error({}, 'error')
}

/** Characters that a terminal obeys, that end a line, or that hide what is said. */
const unsafe =
  'a\nb\rc\u001b[31md\u0007e\u009b2Jf\u0000g\u2028h\u202ei\u{e0041}j\u007fk\u0085l\\n"\t\u200bm\u2066n'
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202e\u200b\u2066]|\u{e0041}/u

const outputs: readonly LogOutput[] = ['json', 'console', 'gcp']

describe('the log', () => {
  test('is JSON lines with level, time and msg', () => {
    const before = Date.now()
    const { text } = logged({ level: 'debug' }, (logger) => {
      everyLevel(logger)
      logger.info({ i: 1, name: 'a\nb' }, 'fields')
    })
    const lines = objectsOf(text)
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        [20, 'debug'],
        [30, 'info'],
        [40, 'warn'],
        [50, 'error'],
        [30, 'fields'],
      ],
    )
    for (const { time } of lines) {
      assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.ok(Date.parse(String(time)) >= before - 1 && Date.parse(String(time)) <= Date.now())
    }
    const { time: _, ...last } = lines.at(-1) ?? {}
    assert.deepEqual(last, { level: 30, i: 1, name: 'a\nb', msg: 'fields' })
  })

  test('has no line below its level, and says which lines are errors', () => {
    const expected = { trace: 4, debug: 4, info: 3, warn: 2, error: 1, silent: 0 }
    for (const level of logLevels) {
      for (const output of outputs) {
        const { errors } = logged({ level, output }, everyLevel)
        assert.equal(errors.length, expected[level], `${level} ${output}`)
        assert.deepEqual(
          errors,
          errors.map((_, i) => i === errors.length - 1),
        )
      }
    }
  })

  for (const output of outputs) {
    test(`masks values under a secret's name (${output})`, () => {
      const { text } = logged({ output }, (logger) => {
        const secrets = { password: 'hunter2', token: 'hunter2', authorization: 'hunter2' }
        logger.info({ ...secrets, user: 'scanner' }, 'at the top')
        logger.info({ postgres: { ...secrets, host: 'db' } }, 'one below')
      })
      assert.ok(!text.includes('hunter2'), text)
      for (const word of ['***', 'scanner', 'db', 'at the top', 'one below'])
        assert.ok(text.includes(word), word)
    })

    test(`has no raw control character from a value, a name or a message, and no line of their own (${output})`, () => {
      const plain = logged({ output }, (logger) =>
        logger.error({ name: 'x', inner: { name: ['x'] }, error: 'x', key: 1 }, 'x'),
      ).text
      const { text } = logged({ output }, (logger) =>
        logger.error({ name: unsafe, inner: { name: [unsafe] }, error: unsafe, [unsafe]: 1 }, unsafe),
      )
      assert.doesNotMatch(text, controls)
      assert.equal(linesOf(text).length, linesOf(plain).length, text)
      if (output !== 'console')
        assert.deepEqual(
          Object.values(objectsOf(text)[0] ?? {}).includes(unsafe),
          true,
          'JSON keeps what it says',
        )
      else assert.match(text, /: a\\nb\\rc\\u001b\[31md/)
    })
  }

  test('for people has time, level and message on a line, without colours in a file', () => {
    const { text } = logged({ output: 'console' }, (logger) =>
      logger.warn({ tries: 3, path: 'C:\\new' }, 'waiting for PostgreSQL'),
    )
    assert.match(
      text,
      /^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: waiting for PostgreSQL\n {4}tries: 3\n {4}path: "C:\\new"\n$/,
    )
  })
})

describe('the log for Google Cloud', () => {
  const only = (log: Parameters<typeof logged>[1]) =>
    objectsOf(logged({ level: 'debug', output: 'gcp' }, log).text)[0] ?? {}
  const event = {
    '@type': 'type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent',
    serviceContext: { service: 'ingester', version: '1.2.3' },
  }

  test('has severity, message and time, as Cloud Logging reads them, and errors as Error Reporting does', () => {
    const lines = objectsOf(logged({ level: 'debug', output: 'gcp' }, everyLevel).text)
    for (const line of lines) {
      assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      delete line['time']
    }
    assert.deepEqual(lines, [
      { severity: 'DEBUG', message: 'debug' },
      { severity: 'INFO', message: 'info' },
      { severity: 'WARNING', message: 'warn' },
      { severity: 'ERROR', message: 'error', ...event },
    ])
  })

  test('keeps the other fields of a line', () => {
    assert.partialDeepStrictEqual(
      only((logger) => logger.info({ records: 5, inner: { a: [1] } }, 'x')),
      { records: 5, inner: { a: [1] } },
    )
  })

  test('names the trace of a line that has one', () => {
    const [trace, span] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']
    for (const [flags, sampled] of [
      ['01', true],
      ['00', false],
    ] as const) {
      const { traceparent, ...line } = only((logger) =>
        logger.warn({ traceparent: `00-${trace}-${span}-${flags}` }, 'x'),
      )
      assert.equal(traceparent, undefined)
      assert.partialDeepStrictEqual(line, {
        'logging.googleapis.com/trace': `projects/my-project/traces/${trace}`,
        'logging.googleapis.com/spanId': span,
        'logging.googleapis.com/trace_sampled': sampled,
      })
    }
    for (const traceparent of ['', 'nonsense', `00-${trace}-${span}`, 5, null])
      assert.doesNotMatch(JSON.stringify(only((logger) => logger.warn({ traceparent }, 'x'))), /googleapis/)
  })
})

describe('the line about the error that ended the process', () => {
  const fields = { exitCode: 1, stack: 'Error: x\n    at y' }

  test('has the highest level, in the configured format', () => {
    const json = JSON.parse(fatalLine('json', service, fields, 'x'))
    assert.partialDeepStrictEqual(json, { level: 60, msg: 'x', ...fields })
    const { time: _, ...gcp } = JSON.parse(fatalLine('gcp', service, fields, 'x'))
    assert.partialDeepStrictEqual(gcp, {
      severity: 'CRITICAL',
      message: 'x',
      exitCode: 1,
      stack_trace: fields.stack,
      serviceContext: { service: 'ingester', version: '1.2.3' },
    })
    assert.match(fatalLine('console', service, {}, 'x'), /^\[.*\] FATAL: x\n$/)
  })

  test('is one line', () => {
    for (const output of ['json', 'gcp'] as const)
      assert.match(fatalLine(output, service, { stack: unsafe }, unsafe), /^[^\n]+\n$/)
  })
})
