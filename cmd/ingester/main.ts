import { CommanderError } from 'commander'
import { endingOf, exitCode } from '#app/exit-code.ts'
import { ingesterProgram } from './program.ts'

// Whoever reads has seen enough (`| head`): that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

try {
  await ingesterProgram().parseAsync()
} catch (error) {
  process.exitCode = report(error)
}
// After a hard stop there may be connections that nobody waits for any more.
if (process.exitCode === exitCode.unsettled) process.exit()

function report(error: unknown): number {
  // Commander has told the user already; its own code for wrong usage is 1.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage
  const { code, message } = endingOf(error)
  console.error(`ingester: ${message}`)
  return code
}
