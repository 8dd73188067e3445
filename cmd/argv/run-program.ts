import type { Command } from 'commander'
import { CommanderError } from 'commander'
import type { Exit } from '#app/exit-code.ts'
import { endingOf, exitCode } from '#app/exit-code.ts'

/** The text that tells of an ending; the command is the one that ran, undefined where none did. */
export type Telling = (exit: Exit, command: Command | undefined) => string | Promise<string>

/** Does what the command line says; sets the exit code, and tells why if it is not 0. */
export async function runProgram(
  program: Command,
  telling: Telling = (exit) => `${program.name()}: ${exit.stack ?? exit.message}`,
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
    process.exitCode = await report(error, command, telling)
  }
}

async function report(error: unknown, command: Command | undefined, telling: Telling): Promise<number> {
  // Commander has told the user already; its own code for wrong usage is 1.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage
  const exit = endingOf(error, command?.opts()['envFile'])
  console.error(await telling(exit, command))
  return exit.code
}
