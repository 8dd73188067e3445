import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'vitest'
import { cpuSeconds, memoryOf, ticksInStat } from './process-usage.ts'

/** In user time: looking at the clock all the time would be system time. */
const busy = (seconds: number) =>
  `while (process.cpuUsage().user < ${seconds * 1e6}) for (let i = 0; i < 1e7; i++);`

test('a stat line is parsed after the name, whatever the name is', () => {
  const fields = ['S', ...Array.from({ length: 49 }, (_, i) => i)]
  assert.equal(ticksInStat(`7 (a) name (b) ${fields.join(' ')}`), 10 + 11 + 12 + 13)
})

test('CPU includes the process, its children, and those that have exited', async () => {
  // The parent burns nothing: one child has ended, the other one waits.
  const living = `${busy(1.2)}; console.log('done'); setInterval(() => {}, 1e6)`
  const program = `
    const { spawn, spawnSync } = require('node:child_process')
    spawnSync(process.execPath, ['-e', ${JSON.stringify(busy(1.2))}])
    const child = spawn(process.execPath, ['-e', ${JSON.stringify(living)}])
    child.stdout.once('data', () => console.log(child.pid))
    process.stdin.resume().once('end', () => child.kill('SIGKILL'))`
  const parent = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(parent, 'exit')
  try {
    const [child] = await once(parent.stdout, 'data')
    const [all, own] = [cpuSeconds(parent.pid as number), cpuSeconds(Number(child))]
    assert.ok(own > 1.1 && own < 6, `the living child: ${own} s`)
    assert.ok(all > own + 1.1 && all < own + 6, `all: ${all} s, the living child ${own} s`)
  } finally {
    parent.stdin.end()
    await ended
  }
})

test('memory is in bytes, and its peak never decreases', () => {
  const before = memoryOf(process.pid)
  assert.ok(before.resident > 20e6 && before.peak >= before.resident)
  const block = Buffer.alloc(50e6, 1)
  const held = memoryOf(process.pid)
  assert.ok(held.peak > before.resident + 0.8 * block.length)
})

test('a process that is gone has no figures', () => {
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  assert.deepEqual([cpuSeconds(pid), memoryOf(pid)], [0, { resident: 0, peak: 0 }])
})
