// A first figure: what the ingester costs per message, and how fast the whole chain is on this machine.
//
//   node_modules/.bin/node bench/throughput.ts [messages = 200000]
//
// Publishes a backlog to the official emulator, then starts `bin/ingester run` and watches from outside: messages a
// second from the first settled to the last, and the process's CPU time from /proc (so Linux only), start-up apart.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { startIngesterProgram } from '../test/support/program.ts'
import { publishMixture } from '../test/support/publish.ts'
import { metric, startSystem } from '../test/support/system.ts'

const messages = Number(process.argv[2] ?? 200_000)
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** User and system time of a process so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function residentMiB(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

await using system = await startSystem({ INGESTER_ACK_DEADLINE: '60s' })
console.error(`publishing ${messages} messages …`)
const { oracle } = await publishMixture(system, messages, 1, { duplicates: 10, late: 20, poison: 0 })

await using ingester = startIngesterProgram(['run'], { env: system.env })
const [, url = ''] = await ingester.said(/"admin":"(http[^"]+)"/)
const settled = async () => {
  const received = await metric(url, 'ingester_messages_received_total')
  return received - (await metric(url, 'ingester_messages_outstanding'))
}
const atStart = { time: performance.now(), cpu: cpuSeconds(ingester.pid), settled: await settled() }
// Asking costs the ingester time, too: once a second is enough.
while ((await settled()) < messages) await wait(1000)
const seconds = (performance.now() - atStart.time) / 1000
const counted = messages - atStart.settled
console.log(
  JSON.stringify({
    messages: counted,
    messagesPerSecond: Math.round(counted / seconds),
    cpuSecondsPerMillion: Number((((cpuSeconds(ingester.pid) - atStart.cpu) / counted) * 1e6).toFixed(1)),
    peakResidentMiB: Math.round(residentMiB(ingester.pid)),
    converged: oracle.differences(await system.scans()).length === 0,
  }),
)
ingester.signal('SIGTERM')
await ingester.ended
