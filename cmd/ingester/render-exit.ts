import type { Command } from 'commander'
import type { Exit } from '#app/exit-code.ts'
import { exitCode } from '#app/exit-code.ts'
import { commandLine } from '#connect/explain.ts'
import { shellWord } from '#core/fix.ts'

/** What a platform runs rather than a person: its errors belong to its log. */
export const isService = (command: Command | undefined) =>
  command !== undefined && ['run', 'gateway'].includes(command.name())

/** The text of the error that ends a command: that of a service and of `migrate` is a line of the log. */
export async function renderExit(exit: Exit, command: Command | undefined): Promise<string> {
  const { code, stack } = exit
  // The doctor knows the ingester's configuration.
  const isStart = command?.name() === 'run' && (code === exitCode.usage || code === exitCode.unreachable)
  const envFile: string | undefined = command?.opts()['envFile']
  const next = isStart ? `\nto diagnose and fix this, run: ${commandLine(doctorFor(command), envFile)}` : ''
  const message = exit.message + next
  if (isService(command) || command?.parent?.name() === 'migrate') {
    const { fatalLogLine } = await import('#app/service-log.ts')
    const line = fatalLogLine({ ...exit, message }, { isService: isService(command), envFile })
    if (line !== undefined) return line.trimEnd()
  }
  return `ingester: ${stack ?? message}`
}

/** Of the same pipelines. */
function doctorFor(run: Command | undefined): string {
  const pipelines: readonly string[] = run?.opts()['pipeline'] ?? []
  return ['doctor', ...pipelines.map((one) => `--pipeline ${shellWord(one)}`)].join(' ')
}
