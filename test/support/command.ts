import { CommanderError } from 'commander'
import { vi } from 'vitest'
import { endingOf, exitCode } from '#app/exit-code.ts'
import { ingesterProgram } from '../../cmd/ingester/program.ts'

/** How a command ended, and what it said on stdout and stderr. */
export interface Outcome {
  readonly code: number | string
  readonly out: string
  readonly talk: string
}

/**
 * Runs a command of `bin/ingester` in this process, one at a time: that costs a tenth of a program. Arguments, settings,
 * output and exit code are the program's own; signals and the process's end need {@link startIngesterProgram}.
 */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const said = { out: '', talk: '' }
  using resources = new DisposableStack()
  const into = (name: keyof typeof said) => (line: unknown) => void (said[name] += `${String(line)}\n`)
  resources.use(vi.spyOn(console, 'log').mockImplementation(into('out')))
  resources.use(vi.spyOn(console, 'error').mockImplementation(into('talk')))
  const written = (name: keyof typeof said) => (text: unknown) => Boolean((said[name] += String(text)))
  resources.use(vi.spyOn(process.stdout, 'write').mockImplementation(written('out')))
  resources.use(vi.spyOn(process.stderr, 'write').mockImplementation(written('talk')))
  resources.use(inEnvironment(env))
  const before = process.exitCode
  resources.defer(() => void (process.exitCode = before))
  process.exitCode = exitCode.done
  try {
    await ingesterProgram().parseAsync(args, { from: 'user' })
    return { code: process.exitCode, ...said }
  } catch (error) {
    if (error instanceof CommanderError) {
      return { code: error.exitCode === 0 ? exitCode.done : exitCode.usage, ...said }
    }
    const { code, message, stack } = endingOf(error)
    return { code, out: said.out, talk: `${said.talk}ingester: ${stack ?? message}\n` }
  }
}

/** This process's environment is as that of a program that is started with these variables, until it is disposed. */
export function inEnvironment(env: Readonly<Record<string, string>>): Disposable {
  const before = process.env
  const { PATH, HOME, TMPDIR } = before
  process.env = { PATH, HOME, TMPDIR, ...env }
  return { [Symbol.dispose]: () => void (process.env = before) }
}
