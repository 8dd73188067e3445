import { exitCode } from '#app/exit-code.ts'
import { runProgram } from '#argv/run-program.ts'
import { ingesterProgram } from './program.ts'

await runProgram(ingesterProgram())
// After a hard stop there may be connections that nobody waits for any more.
if (process.exitCode === exitCode.unsettled) process.exit()
