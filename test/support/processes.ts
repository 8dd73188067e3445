import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { serverProcesses } from '#stack/processes.ts'

/** Of these processes, by pid; words are separated by spaces. One that has ended has none. */
async function commandLines(pids: readonly number[]): Promise<Map<number, string>> {
  const texts = await Promise.all(pids.map((pid) => commandLine(pid).catch(() => '')))
  return new Map(pids.map((pid, at) => [pid, (texts[at] ?? '').trim()]))
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux')
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
  const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)])
  return stdout
}

/** Of a process and all below it, those that run such a command. */
export async function commandsBelow(pid: number, command: RegExp): Promise<number[]> {
  const lines = await commandLines(await serverProcesses(pid))
  return [...lines].flatMap(([one, line]) => (command.test(line) ? one : []))
}

/**
 * Those below a process that run a program of their own. A child that is not there yet, and still goes by its parent's
 * command line, must not be frozen: its parent waits for it and does nothing else.
 */
export async function programsBelow(pid: number): Promise<number[]> {
  const lines = await commandLines(await serverProcesses(pid))
  return [...lines].flatMap(([one, line]) => (line === '' || line === lines.get(pid) ? [] : one))
}
