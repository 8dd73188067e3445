import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { minimalEnvironment } from './environment.ts'
import { killWithParent } from './kill-on-exit.ts'

/** The project's folder. */
export const projectDir = fileURLToPath(new URL('../..', import.meta.url))

/** A program under test: what it has said so far, and how it ends. */
export interface Program extends AsyncDisposable {
  readonly pid: number
  /** As it was called. */
  readonly command: string
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves when its output matches; rejects when it ends without. */
  said(pattern: RegExp): Promise<RegExpExecArray>
  /** Resolves with the exit code, or the signal's name, when it has ended and all its output is read. */
  readonly ended: Promise<number | string>
  signal(name: NodeJS.Signals): void
  /** As Ctrl-C does: to the program and all that it started in its process group. */
  signalGroup(name: NodeJS.Signals): void
}

export interface ProgramOptions {
  /** Added to a minimal environment: nothing of the tester's own leaks in. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Process groups that a test has not ended: its file's process would wait for them for ever. */
const groups = new Map<number, string>()
const killAll = () => {
  for (const pid of groups.keys()) {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has just exited.
    }
  }
}
process.once('exit', killAll)

/** Starts a program of the project, in a process group of its own. Disposing kills that group. */
export function startProgram(file: string, args: readonly string[], options: ProgramOptions = {}): Program {
  const cwd = options.cwd ?? projectDir
  const env = { ...minimalEnvironment(), ...options.env }
  const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  const pid = child.pid as number
  const command = [file, ...args].join(' ')
  groups.set(pid, command)
  child.once('exit', () => groups.delete(pid))
  // This process may be killed, or ended by a signal, and then no hook runs.
  killWithParent(pid, once(child, 'exit'))
  return {
    pid,
    command,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    said: (pattern) => said(child, output, pattern),
    ended,
    signal: (name) => child.kill(name),
    signalGroup: (name) => process.kill(-pid, name),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) process.kill(-pid, 'SIGKILL')
      await ended
    },
  }
}

export const startIngesterProgram = (args: readonly string[], options?: ProgramOptions) =>
  startProgram('bin/ingester', args, options)

/** How a program ended, and all that it said. */
export interface ProgramResult {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** Waits for a program's end. */
export async function runToEnd(program: Program): Promise<ProgramResult> {
  await using running = program
  const code = await running.ended
  return { code, stdout: running.stdout(), stderr: running.stderr() }
}

/** Runs a command of `bin/ingester` to its end as a program; in-process.ts does without one. */
export const runAsProgram = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProgramResult> => runToEnd(startIngesterProgram(args, { env }))

function said(
  child: ChildProcess,
  output: { stdout: string; stderr: string },
  pattern: RegExp,
): Promise<RegExpExecArray> {
  const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
  const look = () => {
    const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
    if (match) resolve(match)
  }
  child.stdout?.on('data', look)
  child.stderr?.on('data', look)
  child.once('close', () => {
    look()
    reject(new Error(`ended without saying ${pattern}:\n${output.stdout}\n${output.stderr}`))
  })
  look()
  return promise
}
