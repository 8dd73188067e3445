// One run of the gateway's bench: broker and gateway in processes of their own, and autocannon in a third.
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { projectDir, startProgram } from '../test/support/program.ts'
import type { RedisServer } from '#stack/redis.ts'
import { cpuSeconds, memoryOf } from './process-usage.ts'

export interface Setting {
  readonly name: string
  /** `INGESTER_RATE_LIMIT`; one in Redis is never reached. */
  readonly rateLimit: 'off' | 'in Redis'
  readonly accessLog: boolean
  /** Requests a second; undefined: as many as 100 connections can make. */
  readonly rate: number | undefined
  /** One after the other; autocannon sends those of a second all at once. */
  readonly isEven: boolean
}

export interface Figures {
  readonly acceptedPerSecond: number
  readonly cpuMicrosecondsPerRequest: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly gatewayLoad: number
  readonly brokerLoad: number
  /** The client, and Redis. */
  readonly restLoad: number
  readonly residentMegabytes: number
}

/** What is read of autocannon's result. */
interface LoadResult {
  readonly '2xx': number
  readonly non2xx: number
  readonly errors: number
  readonly timeouts: number
  readonly duration: number
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number }
}

const subscription = 'projects/bench-project/subscriptions/increments-sub'
const body = JSON.stringify({ key: '6f8cc1b0-5c0f-4c5e-9d6b-0d3d3f8f4b52', value: 1 })
const warmUpSeconds = 4
const connections = 100
const run = promisify(execFile)

/** @throws Error where a request was not accepted, or the broker has not exactly the messages that were */
export async function measure(setting: Setting, seconds: number, redis: RedisServer): Promise<Figures> {
  const broker = fork(join(projectDir, 'bench/gateway-broker.ts'))
  try {
    const [{ emulatorHost }] = (await once(broker, 'message')) as [{ readonly emulatorHost: string }]
    await using gateway = startProgram(
      'bin/project-node',
      ['cmd/ingester/main.ts', 'gateway', '--port', '0'],
      {
        env: environmentOf(setting, emulatorHost, redis),
      },
    )
    const [, url = ''] = await gateway.said(/"url":"(http:[^"]+)"/)
    const before = await load(`${url}/increment`, warmUpSeconds, setting)
    // This process and its children, which are all of them; Redis is one, too, where it is used.
    const cpu = () => [gateway.pid, broker.pid ?? 0, process.pid].map(cpuSeconds)
    const [began, first] = [performance.now(), cpu()]
    const result = await load(`${url}/increment`, seconds, setting)
    const took = (performance.now() - began) / 1000
    const [own = 0, brokers = 0, all = 0] = cpu().map((one, at) => one - (first[at] ?? 0))
    const { resident } = memoryOf(gateway.pid)
    const accepted = before['2xx'] + result['2xx']
    await hasAll(broker, accepted)
    if (gateway.stderr().includes('rate limits are not shared')) throw new Error('Redis was not used')
    return {
      acceptedPerSecond: result['2xx'] / result.duration,
      cpuMicrosecondsPerRequest: (own / result['2xx']) * 1e6,
      p50: result.latency.p50,
      p99: result.latency.p99,
      max: result.latency.max,
      gatewayLoad: own / took,
      brokerLoad: brokers / took,
      restLoad: (all - own - brokers) / took,
      residentMegabytes: resident / 1e6,
    }
  } finally {
    broker.kill('SIGKILL')
  }
}

function environmentOf({ rateLimit, accessLog }: Setting, emulatorHost: string, redis: RedisServer) {
  return {
    METADATA_SERVER_DETECTION: 'none',
    INGESTER_PROJECTID: 'bench-project',
    PUBSUB_EMULATOR_HOST: emulatorHost,
    INGESTER_HTTP_PORT: '0',
    INGESTER_GATEWAY_ACCESS_LOG: String(accessLog),
    ...(rateLimit === 'in Redis'
      ? {
          INGESTER_RATE_LIMIT: '1000000/s',
          INGESTER_REDIS_ADDR: redis.address,
          INGESTER_REDIS_PASSWORD: redis.password ?? '',
        }
      : { INGESTER_RATE_LIMIT: 'off', INGESTER_REDIS_ENABLED: 'false' }),
  }
}

async function load(url: string, seconds: number, { rate, isEven }: Setting): Promise<LoadResult> {
  const paced = rate === undefined ? [] : ['-R', String(rate)]
  const post = ['-m', 'POST', '-H', 'Content-Type=application/json', '-b', body, '--json', url]
  const flags = ['-c', String(connections), '-d', String(seconds), ...paced, ...post]
  const autocannon = ['node_modules/autocannon/autocannon.js', ...flags]
  const even = ['bench/gateway-client.ts', url, body, ...[rate, seconds, connections].map(String)]
  const [file = '', ...args] = isEven ? even : autocannon
  const { stdout } = await run(process.execPath, [join(projectDir, file), ...args], { maxBuffer: 1e8 })
  const result = JSON.parse(stdout) as LoadResult
  const { non2xx, errors, timeouts } = result
  if (non2xx + errors + timeouts > 0)
    throw new Error(`${non2xx} requests were not accepted; ${errors} errors, ${timeouts} timeouts`)
  return result
}

/** Each accepted request is a message, and those that the client did not wait for at its end may be. */
async function hasAll(broker: ReturnType<typeof fork>, accepted: number): Promise<void> {
  await wait(200)
  broker.send(subscription)
  const [{ messages }] = (await once(broker, 'message')) as [{ readonly messages: number }]
  if (messages < accepted || messages > accepted + 2 * connections)
    throw new Error(`${accepted} requests were accepted, and the broker has ${messages} messages`)
}
