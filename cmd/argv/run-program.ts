import type { Command } from 'commander'
import { CommanderError } from 'commander'
import { endingOf, exitCode } from '#app/exit-code.ts'

/** Does what the command line says; sets the exit code, and tells why if it is not 0. */
export async function runProgram(program: Command): Promise<void> {
  // Whoever reads has seen enough (`| head`): that is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
  try {
    await program.parseAsync()
  } catch (error) {
    process.exitCode = report(program.name(), error)
  }
}

function report(name: string, error: unknown): number {
  // Commander has told the user already; its own code for wrong usage is 1.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage
  const { code, message } = endingOf(error)
  console.error(`${name}: ${message}`)
  return code
}
