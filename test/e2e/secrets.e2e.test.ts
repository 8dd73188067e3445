import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { spec } from '#config/spec.ts'
import { secretFiles } from '#config/secrets.ts'
import { configOf } from '#config/config.ts'
import { endingOf, exitCode } from '#app/exit-code.ts'
import { runInProcess } from '../support/in-process.ts'
import { runToEnd, startProgram } from '../support/program.ts'
import type { TestSystem } from '../support/system.ts'
import { startSystem } from '../support/system.ts'

type Env = Readonly<Record<string, string>>

const secret = 'planted7c1f'
let system: TestSystem
let folder: string
beforeAll(async () => {
  system = await startSystem()
  folder = await mkdtemp(join(tmpdir(), 'secrets-'))
})
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** All that read the environment, each so that it ends by itself. */
const commands: readonly Command[] = [
  ['bin/ingester', 'run'],
  ['bin/ingester', 'migrate', 'status'],
  ['bin/ingester', 'migrate', 'up'],
  ['bin/ingester', 'doctor'],
  ['bin/ingester', 'doctor', '--json'],
  ['bin/ingester', 'dead-letters', 'list'],
  ['bin/ingester', 'dead-letters', 'redrive', '--reason', 'bad-ip', '--yes'],
  ['bin/ingester', 'why', '1.1.1.7', '443', 'HTTP'],
  ['bin/ingester', 'cache', 'bump'],
  ['bin/scanner', '--count', '1'],
]

type Command = readonly [program: string, ...args: string[]]

/** Those that have the secret in what they print, all of them as programs. */
async function leaksOfPrograms(env: Env, some: readonly Command[] = commands): Promise<string[]> {
  const said = await Promise.all(
    some.map(async ([program, ...args]) => {
      const { stdout, stderr } = await runToEnd(startProgram(program, args, { env }))
      return leakOf([program, ...args], stdout + stderr)
    }),
  )
  return said.flat()
}

/** The same, with programs only for those that cannot run in this process. */
async function leaksOf(env: Env, more: readonly string[] = []): Promise<string[]> {
  const found: string[] = []
  for (const [program, ...args] of commands) {
    if (isProgram(program, args)) continue
    const { stdout, stderr } = await runInProcess([...args, ...more], env)
    found.push(...leakOf([program, ...args], stdout + stderr))
  }
  const programs = commands.filter(([program, ...args]) => isProgram(program, args))
  return [
    ...found,
    ...(await leaksOfPrograms(
      env,
      programs.map((command) => [...command, ...more]),
    )),
  ]
}

const isProgram = (program: string, [name = '']: readonly string[]) =>
  program === 'bin/scanner' || ['run', 'doctor'].includes(name)

const leakOf = (command: readonly string[], output: string) =>
  output.includes(secret) ? [`${command.join(' ')}: ${output}`] : []

/** Ends at once where a service is not there. */
const impatient = { INGESTER_STARTUP_TIMEOUT: '1s', INGESTER_LOG_LEVEL: 'trace' }

describe('a planted secret is in the output of no command', () => {
  const url = (scheme: string) => `${scheme}://user:${secret}@127.0.0.1:1/database`

  test('as a URL in every variable at once, and in unknown ones', async () => {
    const names = [...Object.keys(spec), ...secretFiles, 'INGESTER_DATABASE_URL', 'INGESTER_POSTGRES_HOTS']
    const planted = Object.fromEntries(names.map((name) => [name, url('postgres')]))
    assert.deepEqual(await leaksOfPrograms(planted), [])
  })

  const places = [
    `postgres://user:${secret}@127.0.0.1:1/d`,
    // A role's name is printed.
    `postgres://${secret}:pass@127.0.0.1:1/d#`,
    `postgres://user:pass@${secret}:x/d`,
    `postgres://user:pass@127.0.0.1:${secret}/d`,
    `postgres://user:pass@127.0.0.1:1/d/${secret}`,
    `postgres://user:pass@127.0.0.1:1/d?password=${secret}`,
    `postgres://user:pass@127.0.0.1:1/d?${secret}=1`,
    `postgres://user:pass@127.0.0.1:1/d#${secret}`,
    `postgres://user:%70${secret}%zz@127.0.0.1:1/d`,
    `user:${secret}@127.0.0.1/d`,
    `postgres%3A%2F%2Fuser%3A${secret}%40127.0.0.1%2Fd`,
    `host=127.0.0.1 password=${secret}`,
  ]

  test('in every part of a URL, as that of a server and where a name belongs', async () => {
    const { INGESTER_POSTGRES_HOST: _, ...rest } = system.env
    const names = [
      'INGESTER_POSTGRES_URL',
      'INGESTER_POSTGRES_HOST',
      'INGESTER_POSTGRES_DB',
      'INGESTER_REDIS_URL',
    ]
    for (const place of places) {
      for (const name of names) {
        const ending = endingWith({ ...rest, [name]: place })
        // The one that is right: that of a server, with user and password.
        if (name === 'INGESTER_POSTGRES_URL' && place === places[0]) assert.equal(ending, undefined)
        else assert.equal(ending?.code, exitCode.usage, `${name}=${place}`)
        assert.ok(!JSON.stringify(ending ?? {}).includes(secret), `${name}=${place}`)
      }
    }
    // The service prints what is wrong with all four; each place is in one of them.
    for (let first = 0; first < places.length; first += names.length) {
      const planted = Object.fromEntries(names.map((name, at) => [name, places[first + at] ?? '']))
      const env = { ...rest, ...impatient, ...planted }
      assert.deepEqual(await leaksOfPrograms(env, [['bin/ingester', 'run']]), [])
    }
  })

  /** What a command with this configuration prints, and ends with; undefined where it is right. */
  function endingWith(env: Env) {
    try {
      configOf(env)
      return undefined
    } catch (error) {
      return endingOf(error)
    }
  }

  test('as the passwords, valid percent-encoded ones and wrong ones, of servers that are up and that are down', async () => {
    const { postgres, redis } = system
    const encoded = encodeURIComponent(`p@:/${secret}`)
    for (const port of [postgres.port, 1]) {
      const env = {
        ...impatient,
        INGESTER_PROJECTID: 'test-project',
        INGESTER_HTTP_PORT: '0',
        PUBSUB_EMULATOR_HOST: '127.0.0.1:1',
        INGESTER_POSTGRES_URL: `postgres://${postgres.user}:${encoded}@${postgres.host}:${port}/nowhere?sslmode=disable`,
        INGESTER_REDIS_URL: `redis://:${encoded}@${redis.address}`,
      }
      assert.deepEqual(await leaksOf(env), [])
    }
  })

  test('in an env file with invalid lines, and as the path of a file', async () => {
    const envFile = join(folder, 'wrong.env')
    const lines = [
      secret,
      `FOO ${secret}=1`,
      `A="${secret}`,
      `=${secret}`,
      `INGESTER_POSTGRES_PASSWORD='x'${secret}`,
    ]
    await writeFile(envFile, lines.join('\n'))
    assert.deepEqual(await leaksOf({}, ['--env-file', envFile]), [])
    const misplaced = {
      ...impatient,
      INGESTER_POSTGRES_PASSWORD_FILE: secret,
      INGESTER_REDIS_URL_FILE: `redis://:${secret}@h`,
    }
    assert.deepEqual(await leaksOf(misplaced), [])
  })
})
