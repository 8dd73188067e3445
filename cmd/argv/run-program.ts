import type { Command } from 'commander'
import { CommanderError } from 'commander'
import { endingOf, exitCode } from '#app/exit-code.ts'

type Ending = ReturnType<typeof endingOf>

/** What is told of an ending; the command is the one that ran, undefined where none did. */
export type Telling = (ending: Ending, command: Command | undefined) => string

/** Does what the command line says; sets the exit code, and tells why if it is not 0. */
export async function runProgram(
  program: Command,
  telling: Telling = ({ message }) => message,
): Promise<void> {
  // Whoever reads has seen enough (`| head`): that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
  let command: Command | undefined
  try {
    await program.hook('preAction', (_, running) => void (command = running)).parseAsync()
  } catch (error) {
    process.exitCode = report(program.name(), error, (ending) => telling(ending, command))
  }
}

function report(name: string, error: unknown, telling: (ending: Ending) => string): number {
  // Commander has told the user already; its own code for wrong usage is 1.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage
  const ending = endingOf(error)
  console.error(`${name}: ${telling(ending)}`)
  return ending.code
}
