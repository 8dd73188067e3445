import type { Command } from 'commander'
import { exitCode } from '#app/exit-code.ts'
import { runProgram } from '#argv/run-program.ts'
import { ingesterProgram } from './program.ts'
import { isService, renderExit } from './render-exit.ts'

let ran: Command | undefined
const program = ingesterProgram()
program.hook('preAction', (_, command) => void (ran = command))

await runProgram(program, renderExit)
const isRead = !isService(ran) || (await (await import('#app/service-log.ts')).flushServiceLog())
// After a forced shutdown, connections may be left that nothing waits for.
if (!isRead || process.exitCode === exitCode.unsettled) process.exit()
endWithoutModules()

/** A user's module may have left a timer or a socket, which would keep the process. What is printed is waited for. */
function endWithoutModules(): void {
  const end = () => {
    if (process.stdout.writableLength + process.stderr.writableLength > 0) endWithoutModules()
    else process.exit()
  }
  setTimeout(end, 200).unref()
}
