// `make bench BENCH=gateway`: what the HTTP gateway takes, and what a request costs it. Everything is on this machine.
import { parseArgs } from 'node:util'
import { exitCode } from '#app/exit-code.ts'
import { startRedis } from '#stack/redis.ts'
import { table as tableText } from '../cmd/ingester/table.ts'
import type { Figures, Setting } from './gateway-run.ts'
import { measure } from './gateway-run.ts'
import { spreadOf } from './statistics.ts'

const help = `Usage: make bench BENCH=gateway [RUNS=3] [ARGS="--seconds 10 --json"]

autocannon with 100 connections against a gateway that publishes to the emulator, which is another process: as many
requests as they can make, and 1,000 a second, evenly (a latency counts from when a request was due) and as
autocannon does it, each second's all at once; with and without rate limits in Redis and the access log. A request
counts when the broker has confirmed its message; after each run the broker must have them all.

  make bench BENCH=gateway                                   about six minutes
  make bench BENCH=gateway RUNS=1 ARGS="--seconds 2 --json"
`

const quiet = { rateLimit: 'off', accessLog: false, rate: undefined, isEven: false } as const
const settings: readonly Setting[] = [
  { name: 'no rate limit', ...quiet },
  { name: 'no rate limit, access log', ...quiet, accessLog: true },
  { name: 'rate limit in Redis', ...quiet, rateLimit: 'in Redis' },
  { name: '1,000/s, no rate limit', ...quiet, rate: 1000, isEven: true },
  { name: '1,000/s, rate limit in Redis', ...quiet, rateLimit: 'in Redis', rate: 1000, isEven: true },
  { name: '1,000/s in bursts, no rate limit', ...quiet, rate: 1000 },
]

interface Target {
  readonly setting: string
  readonly what: string
  readonly limit: string
  readonly of: (figures: Figures) => number
  readonly holds: (value: number) => boolean
}

const targets: readonly Target[] = [
  {
    setting: 'no rate limit',
    what: 'accepted requests/s',
    limit: '≥ 8,000',
    of: (one) => one.acceptedPerSecond,
    holds: (value) => value >= 8000,
  },
  {
    setting: 'no rate limit',
    what: 'CPU of the gateway, µs a request',
    limit: '≤ 100',
    of: (one) => one.cpuMicrosecondsPerRequest,
    holds: (value) => value <= 100,
  },
  {
    setting: '1,000/s, no rate limit',
    what: 'p99 at 1,000/s, ms',
    limit: '≤ 25',
    of: (one) => one.p99,
    holds: (value) => value <= 25,
  },
]

const columns: readonly (readonly [name: string, of: (figures: Figures) => number, digits: number])[] = [
  ['accepted/s', (one) => one.acceptedPerSecond, 0],
  ['CPU, µs a request', (one) => one.cpuMicrosecondsPerRequest, 0],
  ['p50, ms', (one) => one.p50, 0],
  ['p99, ms', (one) => one.p99, 0],
  ['gateway, CPUs', (one) => one.gatewayLoad, 2],
  ['broker, CPUs', (one) => one.brokerLoad, 2],
  ['client and Redis, CPUs', (one) => one.restLoad, 2],
  ['resident, MB', (one) => one.residentMegabytes, 0],
]

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})
if (options.help) {
  process.stdout.write(help)
  process.exit()
}
const [runs, seconds] = [Number(process.env['RUNS'] || 3), Number(options.seconds)]
if (!(runs >= 1 && seconds >= 1)) {
  console.error(help)
  process.exit(exitCode.usage)
}

const found = new Map<Setting, Figures[]>(settings.map((setting) => [setting, []]))
const redis = await startRedis({ port: 0 })
if (!redis) throw new Error('redis-server is not installed: make redis')
try {
  for (let round = 0; round < runs; round++) {
    for (const setting of settings) {
      const figures = await measure(setting, seconds, redis)
      found.get(setting)?.push(figures)
      const { acceptedPerSecond, cpuMicrosecondsPerRequest, p99 } = figures
      console.error(
        `run ${round + 1} of ${runs}: ${setting.name}: ${acceptedPerSecond.toFixed()}/s, ${cpuMicrosecondsPerRequest.toFixed()} µs CPU a request, p99 ${p99.toFixed()} ms`,
      )
    }
  }
} finally {
  await redis.stop()
}
process.exitCode = report()

function report(): number {
  const judged = targets.map((target) => {
    const setting = settings.find(({ name }) => name === target.setting)
    const { median } = spreadOf((setting ? (found.get(setting) ?? []) : []).map(target.of))
    return { ...target, median, isMet: target.holds(median) }
  })
  if (options.json) {
    const results = Object.fromEntries([...found].map(([{ name }, all]) => [name, all]))
    const ofTargets = judged.map(({ what, limit, median, isMet }) => ({ what, limit, median, isMet }))
    console.log(JSON.stringify({ seconds, results, targets: ofTargets }))
  } else {
    const lines = [...found].map(([{ name }, all]) => [
      name,
      ...columns.map(([, of, digits]) => cell(all.map(of), digits)),
    ])
    const header = ['', ...columns.map(([name]) => name)]
    console.log(
      tableText(
        header,
        lines,
        undefined,
        columns.map((_, at) => at + 1),
      ),
    )
    for (const { what, limit, median, isMet } of judged)
      console.log(`${isMet ? '✓' : '✗'} ${what}: ${median.toFixed()} (${limit})`)
  }
  return judged.every(({ isMet }) => isMet) ? exitCode.done : exitCode.checkFailed
}

function cell(values: readonly number[], digits: number): string {
  const { median, least, greatest } = spreadOf(values)
  const shown = (value: number) =>
    value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits })
  return values.length === 1 ? shown(median) : `${shown(median)} (${shown(least)}–${shown(greatest)})`
}
