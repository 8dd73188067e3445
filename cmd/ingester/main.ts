import { exitCode } from '#app/exit-code.ts'
import { runProgram } from '#argv/run-program.ts'
import { commandLine } from '#connect/explain.ts'
import { ingesterProgram } from './program.ts'

/** What a platform runs rather than a person: its errors belong to its log. */
let isService = false
const program = ingesterProgram()
program.hook('preAction', (_, command) => void (isService = command.name() === 'run'))

await runProgram(program, async (exit, command) => {
  const { code, stack } = exit
  const isStart = isService && (code === exitCode.usage || code === exitCode.unreachable)
  const envFile: string | undefined = command?.opts()['envFile']
  const next = isStart ? `\nto diagnose and fix this, run: ${commandLine('doctor', envFile)}` : ''
  const message = exit.message + next
  const isOfService = isService || command?.parent?.name() === 'migrate'
  if (isOfService) {
    const { fatalLogLine } = await import('#app/service-log.ts')
    const line = fatalLogLine({ ...exit, message }, { isService, envFile })
    if (line !== undefined) return line.trimEnd()
  }
  return `ingester: ${stack ?? message}`
})
const isRead = !isService || (await (await import('#app/service-log.ts')).flushServiceLog())
// After a forced shutdown, connections may be left that nothing waits for.
if (!isRead || process.exitCode === exitCode.unsettled) process.exit()
