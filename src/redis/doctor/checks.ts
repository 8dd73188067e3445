import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { addressOf } from '#core/address.ts'
import { messageOf } from '#core/error-message.ts'
import type { Check, Finding } from '#core/finding.ts'
import { failed, inTurn, ok, skipped, skippedAll, warning } from '#core/finding.ts'
import type { Fix } from '#core/fix.ts'
import { ingester, secret, setting, shell, shellWord } from '#core/fix.ts'
import { isLoopback } from '#core/loopback.ts'
import { reveal } from '#core/secret.ts'
import { certificateProblem } from '#core/certificate-problem.ts'
import type { RedisOptions } from '../connection.ts'
import { withTemporaryClient } from './temporary-client.ts'

const reachable = 'redis'
const others = [
  'redis password',
  'redis database',
  'redis version',
  'redis role',
  'redis memory',
  'redis scripts',
]
/** What connecting says already: Redis 6 is the first that knows HELLO, with which our connection begins. */
const leastVersion = 6

const off = setting({ 'redis.enabled': 'false' })
const without = 'PostgreSQL does all the work meanwhile'

/** What is wrong with Redis, asked on one connection; writes nothing. Never rejects. */
export async function checkRedis(options: RedisOptions, pipeline: string): Promise<Finding[]> {
  const startMs = performance.now()
  try {
    return await withTemporaryClient(options, async (client) => {
      // A server that speaks another language takes the connection, too: reached is one that answers.
      const { error } = await reply(client, 'PING')
      const elapsedMs = (performance.now() - startMs).toFixed()
      const how = `${addressOf(options.host, options.port)}${options.tls ? ', TLS' : ''}, ${elapsedMs} ms`
      const checks = checksOn(client, options, pipeline, error)
      const failure = (name: string, lost: unknown) =>
        failed(name, `${messageOf(lost)}; ${without}`, ingester('doctor'))
      return [ok(reachable, how), ...(await inTurn(checks, failure))]
    })
  } catch (error) {
    return [await unreachedFinding(options, error), ...skippedAll(others, 'Redis was not reached')]
  }
}

/** @param refusal what PING was answered before any password was given */
function checksOn(
  client: Redis,
  options: RedisOptions,
  pipeline: string,
  refusal: string | undefined,
): Check[] {
  return [
    {
      names: others,
      run: async () => {
        const password = await passwordFinding(client, options, refusal)
        if (password.status === 'failed')
          return [password, ...skippedAll(others.slice(1), 'Redis did not let us in')]
        const info = infoOf((await reply(client, 'INFO')).answer)
        return [
          password,
          await databaseFinding(client, options),
          versionFinding(info),
          roleFinding(info),
          memoryFinding(info, options),
          await scriptsFinding(client, options, pipeline),
        ]
      },
    },
  ]
}

interface Reply {
  readonly answer?: unknown
  /** What Redis said; a lost connection is thrown instead. */
  readonly error?: string
}

async function reply(client: Redis, command: string, ...args: readonly string[]): Promise<Reply> {
  try {
    return { answer: await client.call(command, ...args) }
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') return { error: error.message }
    throw error
  }
}

async function passwordFinding(
  client: Redis,
  { password }: RedisOptions,
  refusal: string | undefined,
): Promise<Finding> {
  const name = 'redis password'
  if (password === undefined) {
    if (refusal === undefined) return ok(name, 'none is needed')
    if (!/NOAUTH|DENIED/.test(refusal)) return failed(name, `${refusal}; ${without}`, ingester('doctor'))
    return failed(name, `Redis requires a password, and none is set; ${without}`, secret('redis.password'))
  }
  const { error } = await reply(client, 'AUTH', reveal(password))
  if (error === undefined) return ok(name, 'accepted')
  if (/without any password configured|no password is set/.test(error)) {
    return warning(
      name,
      'a password is set, but Redis requires none: is it the right server?',
      setting({ 'redis.password': '' }),
    )
  }
  return failed(name, `${error}; ${without}`, secret('redis.password'))
}

async function databaseFinding(client: Redis, { db }: RedisOptions): Promise<Finding> {
  const { error } = await reply(client, 'SELECT', String(db))
  if (error === undefined) return ok('redis database', String(db))
  return failed('redis database', `${db}: ${error}; ${without}`, setting({ 'redis.database': 0 }))
}

export function versionFinding({ redis_version: version }: Readonly<Record<string, string>>): Finding {
  const name = 'redis version'
  if (version === undefined) return skipped(name, 'this user may not ask for INFO')
  if (Number.parseInt(version, 10) >= leastVersion) return ok(name, version)
  return failed(name, `${version} is older than ${leastVersion}; ${without}`, off)
}

function roleFinding(info: Readonly<Record<string, string>>): Finding {
  const { role, master_host: host, master_port: port } = info
  if (role === undefined) return skipped('redis role', 'this user may not ask for INFO')
  if (role !== 'slave') return ok('redis role', 'a primary')
  const address = addressOf(host ?? 'the.primary', Number(port ?? 6379))
  const detail = `this is a replica, which takes no writes; ${without}`
  return failed('redis role', detail, setting({ 'redis.address': address }))
}

function memoryFinding(info: Readonly<Record<string, string>>, options: RedisOptions): Finding {
  const name = 'redis memory'
  const { maxmemory, maxmemory_policy: policy, maxmemory_human: human, aof_enabled: aof } = info
  if (maxmemory === undefined) return skipped(name, 'this user may not ask for INFO')
  if (maxmemory === '0')
    return ok(name, `no limit${aof === '1' ? '; it need not write its data to disk' : ''}`)
  if (policy !== 'noeviction') return ok(name, `${human}, ${policy}`)
  const detail = `${human}, noeviction: once full it rejects writes, and the cache is useless`
  return warning(name, detail, shell(`${redisCli(options)} CONFIG SET maxmemory-policy allkeys-lru`))
}

const protocol = readFileSync(new URL('../protocol.lua', import.meta.url), 'utf8')

/** Releases a claim that does not exist, which reads and writes nothing else. */
async function scriptsFinding(client: Redis, options: RedisOptions, pipeline: string): Promise<Finding> {
  const name = 'redis scripts'
  const key = `ingester:{${encodeURIComponent(pipeline)}}:doctor`
  const { error } = await reply(client, 'EVAL', protocol, '1', key, 'release', 'doctor', '0', '0', '')
  if (error === undefined) return ok(name, 'EVAL is allowed')
  const detail = `${error}; ${without}`
  if (/READONLY|LOADING|BUSY|MASTERDOWN|MISCONF/.test(error)) return failed(name, detail, ingester('doctor'))
  if (!/NOPERM|can't run this command|no permissions/i.test(error)) return failed(name, detail, off)
  const rights = `+eval +evalsha +mget +set +del '~ingester:*'`
  return failed(name, detail, shell(`${redisCli(options)} ACL SETUSER default ${rights}`))
}

function redisCli({ host, port, password, tls }: RedisOptions): string {
  return `redis-cli -h ${shellWord(host)} -p ${port}${tls ? ' --tls' : ''}${password === undefined ? '' : ' --askpass'}`
}

function infoOf(answer: unknown): Readonly<Record<string, string>> {
  const lines = typeof answer === 'string' ? answer.split('\r\n') : []
  return Object.fromEntries(lines.map((line) => line.split(/:(.*)/s).slice(0, 2)))
}

async function unreachedFinding(options: RedisOptions, error: unknown): Promise<Finding> {
  const where = addressOf(options.host, options.port)
  const otherHost = (name: string) => setting({ 'redis.address': addressOf(name, options.port) })
  const problem = certificateProblem(error, otherHost)
  if (problem) return failed(reachable, `${where}: ${problem.detail}; ${without}`, problem.fix)
  const detail = `${where}: ${messageOf(error)}; ${without}`
  return failed(reachable, detail, await unreachedFix(options, error))
}

async function unreachedFix(options: RedisOptions, error: unknown): Promise<Fix> {
  const isRefused = (error as { code?: string }).code === 'ECONNREFUSED'
  // A server that listens there may require TLS, or not support it.
  if (!isRefused && (await answers({ ...options, tls: !options.tls }))) {
    return setting({ 'redis.tls': String(!options.tls) })
  }
  if (!isRefused || !isLoopback(options.host) || options.tls) return off
  return shell(`redis-server --port ${options.port} --save '' --daemonize yes`)
}

async function answers(options: RedisOptions): Promise<boolean> {
  try {
    await withTemporaryClient(options, (client) => reply(client, 'PING'))
    return true
  } catch (error) {
    return certificateProblem(error, () => off) !== undefined
  }
}
