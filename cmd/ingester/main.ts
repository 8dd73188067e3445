import { exitCode } from '#app/exit-code.ts'
import { withEnvFile } from '#app/next-command.ts'
import { runProgram } from '#argv/run-program.ts'
import { ingesterProgram } from './program.ts'

await runProgram(ingesterProgram(), ({ code, message }, command) => {
  const isStart = command?.name() === 'run' && (code === exitCode.usage || code === exitCode.unreachable)
  const next = isStart ? '\nwhat is wrong, and what mends it: bin/ingester doctor' : ''
  return withEnvFile(message + next, command?.opts()['envFile'])
})
// After a hard stop there may be connections that nobody waits for any more.
if (process.exitCode === exitCode.unsettled) process.exit()
