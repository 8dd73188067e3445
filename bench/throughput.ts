// What the ingester and Redis cost per message, and how fast the whole chain is on this machine: with the cache, with
// watermarks only, and without.
//
//   node_modules/.bin/node bench/throughput.ts [messages = 200000] [runs = 3]
//
// Each run publishes a backlog (30% duplicates, 30% late) to the embedded emulator, then starts `bin/ingester run` and
// watches from outside: messages a second from the first settled to the last, and CPU time from /proc (so Linux only),
// start-up apart. The modes take turns, so that what else the machine does strikes all of them. Medians, and the
// least and greatest in brackets.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { startIngesterProgram } from '../test/support/program.ts'
import { publishMixture } from '../test/support/publish.ts'
import { metric, startSystem } from '../test/support/system.ts'

const messages = Number(process.argv[2] ?? 200_000)
const runs = Number(process.argv[3] ?? 3)
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

const modes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'watermarks and claims': {},
  'watermarks only': { INGESTER_REDIS_CLAIMS: 'false' },
  'no cache': { INGESTER_REDIS_ENABLED: 'false' },
}

interface Figures {
  readonly messagesPerSecond: number
  readonly ingesterCpuSecondsPerMillion: number
  readonly redisCpuSecondsPerMillion: number
  /** Share of the messages that never reached PostgreSQL, in percent. */
  readonly sparedPercent: number
  readonly peakResidentMiB: number
}

/** User and system time of a process so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function residentMiB(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

async function run(settings: Readonly<Record<string, string>>, seed: number): Promise<Figures> {
  await using system = await startSystem({ INGESTER_ACK_DEADLINE: '60s', ...settings })
  const mixture = { duplicates: 30, late: 30, poison: 0 }
  const { oracle } = await publishMixture(system, messages, seed, mixture)

  await using ingester = startIngesterProgram(['run'], { env: system.env })
  const [, url = ''] = await ingester.said(/"admin":"(http[^"]+)"/)
  const settled = async () => {
    const received = await metric(url, 'ingester_messages_received_total')
    return received - (await metric(url, 'ingester_messages_outstanding'))
  }
  const cpu = () => ({ ingester: cpuSeconds(ingester.pid), redis: cpuSeconds(system.redis.pid) })
  const atStart = { time: performance.now(), cpu: cpu(), settled: await settled() }
  // Asking costs the ingester time, too: once a second is enough.
  while ((await settled()) < messages) await wait(1000)
  const seconds = (performance.now() - atStart.time) / 1000
  const counted = messages - atStart.settled
  const used = cpu()
  const offered = await metric(url, 'ingester_batch_records_sum')
  const peakResidentMiB = residentMiB(ingester.pid)
  if (oracle.differences(await system.scans()).length > 0) throw new Error('the table is wrong')
  ingester.signal('SIGTERM')
  await ingester.ended
  return {
    messagesPerSecond: counted / seconds,
    ingesterCpuSecondsPerMillion: ((used.ingester - atStart.cpu.ingester) / counted) * 1e6,
    redisCpuSecondsPerMillion: ((used.redis - atStart.cpu.redis) / counted) * 1e6,
    sparedPercent: 100 * (1 - offered / messages),
    peakResidentMiB,
  }
}

/** The median, with the least and the greatest. */
function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const [least = 0, middle = 0, most = 0] = [0, Math.floor(sorted.length / 2), -1].map((i) => sorted.at(i))
  return `${middle.toFixed(1)} (${least.toFixed(1)}–${most.toFixed(1)})`
}

const all: Record<string, Figures[]> = {}
for (let i = 0; i < runs; i++) {
  for (const [mode, settings] of Object.entries(modes)) {
    console.error(`run ${i + 1} of ${runs}: ${mode} …`)
    all[mode] = [...(all[mode] ?? []), await run(settings, i + 1)]
  }
}
const names = Object.keys(Object.values(all)[0]?.[0] ?? {}) as (keyof Figures)[]
console.table(
  Object.fromEntries(
    Object.entries(all).map(([mode, figures]) => [
      mode,
      Object.fromEntries(names.map((name) => [name, spread(figures.map((one) => one[name]))])),
    ]),
  ),
)
