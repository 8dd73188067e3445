import { execFile } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { promisify } from 'node:util'

interface Entry {
  readonly pid: number
  readonly parent: number
}

/** One line of /proc/<pid>/stat: `pid (name) state parent …`; the name may hold spaces and parentheses. */
const fromStat = (text: string): Entry | undefined => {
  const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' ? undefined : { pid: Number.parseInt(text, 10), parent: Number(parent) }
}

const fromProc = async (): Promise<(Entry | undefined)[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  return await Promise.all(
    // A process may end between the two looks.
    pids.map(async (pid) => await readFile(`/proc/${pid}/stat`, 'utf8').then(fromStat, () => undefined)),
  )
}

const fromPs = async (): Promise<(Entry | undefined)[]> => {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,stat='])
  return stdout.split('\n').map((line) => {
    const [pid, parent, state] = line.trim().split(/\s+/)
    return pid && parent && !state?.startsWith('Z') ? { pid: Number(pid), parent: Number(parent) } : undefined
  })
}

const living = async (): Promise<Entry[]> => {
  const entries = process.platform === 'linux' ? await fromProc() : await fromPs()
  return entries.filter((entry) => entry !== undefined)
}

/**
 * The pids of a server: `pid` first, then all its descendants. Zombies are left out: they run no more, and
 * not every container has a first process that reaps them. Empty when `pid` is gone.
 */
export const serverProcesses = async (pid: number): Promise<number[]> => {
  const entries = await living()
  const found = entries.some((entry) => entry.pid === pid) ? [pid] : []
  // Grows while it is walked: each pid found brings its children.
  for (const parent of found) found.push(...entries.filter((e) => e.parent === parent).map((e) => e.pid))
  return found
}
