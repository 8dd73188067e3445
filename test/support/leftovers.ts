// Before and after each test file (setupFiles in vitest.config.ts): what a file leaves behind fails it. That is a child
// process, a port that it listens on, or something in the folder for temporary files, which each file has for itself.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { afterAll, inject, vi } from 'vitest'
import { closeAll } from './at-end.ts'

/**
 * How long what a test has told to end may take. PostgreSQL has ten seconds to stop, after which its supervisor ends it and
 * removes its folder; on a busy machine it needs some of them. Less than a hook may take.
 */
const graceMs = 8000

const { TMPDIR: before } = process.env
// Open to the account of PostgreSQL, as /tmp is.
const folder = mkdtempSync(`${inject('temporaryFolder')}/`)
chmodSync(folder, 0o1777)
process.env['TMPDIR'] = folder
// Files without servers share a process: one must not answer for another.
const portsBefore = openPorts()

// Hooks of the file itself are registered later, and so run before this one.
afterAll(async () => {
  vi.useRealTimers()
  await closeAll()
  const endMs = performance.now() + graceMs
  let left = leftovers()
  while (left.length > 0 && performance.now() < endMs) {
    await sleep(20)
    left = leftovers()
  }
  for (const { pid } of children()) process.kill(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  if (before === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = before
  // A process that Vitest ends would not write it.
  flushCompileCache()
  if (left.length > 0) throw new Error(`left behind:\n  ${left.join('\n  ')}`)
})

function leftovers(): string[] {
  const ports = openPorts() - portsBefore
  return [
    ...children().map(
      ({ pid, command }) => `process ${pid}: ${command.length > 200 ? `… ${command.slice(-200)}` : command}`,
    ),
    ...(ports > 0 ? [`${ports} listening ports`] : []),
    ...readdirSync(folder).map((name) => join(folder, name)),
  ]
}

function openPorts(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length
}

interface Child {
  readonly pid: number
  readonly command: string
}

/** Of a file that has a process for itself; those that share one start no servers. */
function children(): Child[] {
  if (!isMainThread) return []
  const ps = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
  const all = ps.split('\n').flatMap((line) => {
    const [, pid, parent, state, command = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return state === undefined || state.startsWith('Z')
      ? []
      : [{ pid: Number(pid), parent: Number(parent), command }]
  })
  return all.filter(({ parent, command }) => parent === process.pid && !/^ps |kill-on-exit$/.test(command))
}
