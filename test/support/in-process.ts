import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { format } from 'node:util'
import { vi } from 'vitest'
import { runProgram } from '#argv/run-program.ts'
import { ingesterProgram } from '../../cmd/ingester/program.ts'
import { renderExit } from '../../cmd/ingester/render-exit.ts'
import { minimalEnvironment } from './environment.ts'

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let isRunning = false

/**
 * Runs a command of `bin/ingester` in this process: what it prints, and its exit code. A program's start is most of what a
 * short command costs. It does not test what belongs to a process: the terminal, signals, that it ends. Not for `doctor`,
 * which ends its process itself, nor for what runs until a signal: `run`, `demo`, `stack up`. One at a time.
 *
 * @param env added to a minimal environment, as for a program
 */
export async function runInProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  assert.ok(!isRunning, 'another command runs, whose output and environment would be mixed with this one')
  isRunning = true
  const output = { stdout: '', stderr: '' }
  using restored = new DisposableStack()
  restored.defer(() => (isRunning = false))
  takeOver(output, restored)
  // As a program gets it: empty, and no terminal.
  restored.use(vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([]) as typeof process.stdin))
  restored.use(inEnvironment(env))
  const { exitCode: codeBefore } = process
  restored.defer(() => (process.exitCode = codeBefore))
  process.exitCode = undefined
  const program = ingesterProgram()
  const parse = program.parseAsync.bind(program)
  program.parseAsync = () => parse(args, { from: 'user' })
  await runProgram(program, renderExit)
  return { code: process.exitCode ?? 0, ...output }
}

/** Gives this process the environment of a program that is started with these variables, until it is disposed. */
export function inEnvironment(env: Readonly<Record<string, string>>): Disposable {
  const { env: before } = process
  process.env = { ...minimalEnvironment(), ...env }
  return { [Symbol.dispose]: () => void (process.env = before) }
}

/** What is printed goes here, until the stack is disposed. */
function takeOver(output: { stdout: string; stderr: string }, restored: DisposableStack): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = process[name]
    const print = (text: string | Uint8Array) => {
      output[name] += Buffer.from(text).toString()
      return true
    }
    const printLine = (...values: unknown[]) => void print(`${format(...values)}\n`)
    restored.use(vi.spyOn(stream, 'write').mockImplementation(print))
    restored.use(vi.spyOn(console, name === 'stdout' ? 'log' : 'error').mockImplementation(printLine))
    const before = stream.listeners('error')
    restored.defer(() => {
      for (const listener of stream.listeners('error')) {
        if (!before.includes(listener)) stream.off('error', listener as () => void)
      }
    })
  }
}
