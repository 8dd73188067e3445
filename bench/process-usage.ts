// What a process and its children have used, from Linux' /proc; https://man7.org/linux/man-pages/man5/proc.5.html
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

let known: number | undefined
const ticksPerSecond = () => (known ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })))

/**
 * User and system time in seconds, so far, of a process, of its living descendants, and of those that have ended and
 * were waited for: PostgreSQL's backends come and go. 0 where there is no such process.
 */
export function cpuSeconds(pid: number): number {
  return ticksOf(pid) / ticksPerSecond()
}

function ticksOf(pid: number): number {
  for (;;) {
    const children = childrenOf(pid)
    const ticks = children.reduce(
      (sum, child) => sum + ticksOf(child),
      ticksInStat(read(`/proc/${pid}/stat`)),
    )
    // One that began or ended meanwhile is counted twice, or not at all.
    if (String(children) === String(childrenOf(pid))) return ticks
  }
}

/** Of a line of /proc/<pid>/stat: utime, stime, cutime and cstime. The name may hold spaces and parentheses. */
export function ticksInStat(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
}

/** Also empty where the kernel does not list them (CONFIG_PROC_CHILDREN). */
export function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
}

export interface Memory {
  /** In bytes. */
  readonly resident: number
  readonly peak: number
}

/** Of a process without its children; zeros where there is none. */
export function memoryOf(pid: number): Memory {
  const status = read(`/proc/${pid}/status`)
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024
  return { resident: bytes('VmRSS'), peak: bytes('VmHWM') }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
