// Requests at a steady rate, in a process of its own: autocannon sends a second's requests all at once, at its beginning. A
// latency counts from when the request was due, even if this process was late.
import { Agent, request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { quantileOf } from './statistics.ts'

const [url = '', body = '', ...numbers] = process.argv.slice(2)
const [perSecond = 0, seconds = 0, connections = 0] = numbers.map(Number)

const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' })
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
const total = Math.round(perSecond * seconds)
const latencies = new Float64Array(total)
let [accepted, refused] = [0, 0]

function send(at: number, dueMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      if (response.statusCode === 200) accepted += 1
      else refused += 1
      response.resume().once('end', () => {
        latencies[at] = performance.now() - dueMs
        resolve()
      })
    })
    sent.once('error', reject).end(body)
  })
}

const began = performance.now()
const open: Promise<void>[] = []
while (open.length < total) {
  const due = Math.min(total, 1 + Math.floor(((performance.now() - began) / 1000) * perSecond))
  while (open.length < due) open.push(send(open.length, began + (open.length * 1000) / perSecond))
  await wait(1)
}
await Promise.all(open)
const duration = (performance.now() - began) / 1000
agent.destroy()
latencies.sort()
const latency = {
  p50: quantileOf(latencies, 0.5),
  p99: quantileOf(latencies, 0.99),
  max: latencies.at(-1) ?? 0,
}
console.log(JSON.stringify({ '2xx': accepted, non2xx: refused, errors: 0, timeouts: 0, duration, latency }))
