import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { spec } from '#config/spec.ts'
import { secretFiles } from '#config/secrets.ts'
import { startProgram } from '../support/program.ts'
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
const commands: readonly (readonly [program: string, ...args: string[]])[] = [
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

async function leaksOf(env: Env, some = commands): Promise<string[]> {
  const said = await Promise.all(
    some.map(async ([program, ...args]) => {
      await using running = startProgram(program, args, { env })
      await running.ended
      return { command: [program, ...args].join(' '), output: running.stdout() + running.stderr() }
    }),
  )
  return said
    .filter(({ output }) => output.includes(secret))
    .map(({ command, output }) => `${command}: ${output}`)
}

/** Ends at once where a service is not there. */
const impatient = { INGESTER_STARTUP_TIMEOUT: '1s', INGESTER_LOG_LEVEL: 'trace' }

describe('a planted secret is in the output of no command', () => {
  const url = (scheme: string) => `${scheme}://user:${secret}@127.0.0.1:1/database`

  test('as a URL in every variable at once, and in unknown ones', async () => {
    const names = [...Object.keys(spec), ...secretFiles, 'INGESTER_DATABASE_URL', 'INGESTER_POSTGRES_HOTS']
    const planted = Object.fromEntries(names.map((name) => [name, url('postgres')]))
    assert.deepEqual(await leaksOf(planted), [])
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
    for (const place of places) {
      const names = [
        'INGESTER_POSTGRES_URL',
        'INGESTER_POSTGRES_HOST',
        'INGESTER_POSTGRES_DB',
        'INGESTER_REDIS_URL',
      ]
      const some = names.map((name) => ({ ...rest, ...impatient, [name]: place }))
      const found = await Promise.all(
        some.map((env) => leaksOf(env, [['bin/ingester', 'migrate', 'status']])),
      )
      assert.deepEqual(found.flat(), [], place)
    }
  })

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
    const reading = commands.map(([program, ...args]) => [program, ...args, '--env-file', envFile] as const)
    assert.deepEqual(await leaksOf({}, reading), [])
    const misplaced = {
      ...impatient,
      INGESTER_POSTGRES_PASSWORD_FILE: secret,
      INGESTER_REDIS_URL_FILE: `redis://:${secret}@h`,
    }
    assert.deepEqual(await leaksOf(misplaced), [])
  })
})
