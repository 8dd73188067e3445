import type { Command } from 'commander'
import { CommanderError } from 'commander'
import type { Exit } from '#app/exit-code.ts'
import { endingOf, exitCode } from '#app/exit-code.ts'

/** Makes the text printed for an error; the command is the one that ran, undefined where none did. */
export type RenderExit = (exit: Exit, command: Command | undefined) => string | Promise<string>

/** Runs the command line; sets the exit code, and prints why if it is not 0. */
export async function runProgram(
  program: Command,
  render: RenderExit = (exit) => `${program.name()}: ${exit.stack ?? exit.message}`,
): Promise<void> {
  // The reader has seen enough (`| head`): that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
  let command: Command | undefined
  try {
    await program.hook('preAction', (_, running) => void (command = running)).parseAsync()
  } catch (error) {
    process.exitCode = await report(error, command, render)
  }
}

async function report(error: unknown, command: Command | undefined, render: RenderExit): Promise<number> {
  // Commander has already printed the error; its own code for wrong usage is 1.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage
  const exit = endingOf(error, command?.opts()['envFile'])
  console.error(await render(exit, command))
  return exit.code
}
