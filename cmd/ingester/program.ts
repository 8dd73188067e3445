import { Command } from 'commander'
import { version } from '#runtime/version.ts'
import { programName } from '#runtime/program-name.ts'
import { cacheCommand } from './command/cache.ts'
import { checkCommand } from './command/check.ts'
import { completionCommand } from './command/completion.ts'
import { deadLettersCommand } from './command/dead-letters.ts'
import { demoCommand } from './command/demo.ts'
import { doctorCommand } from './command/doctor.ts'
import { emulatorCommand } from './command/emulator.ts'
import { gatewayCommand } from './command/gateway.ts'
import { initCommand } from './command/init.ts'
import { migrateCommand } from './command/migrate.ts'
import { runCommand } from './command/run.ts'
import { stackCommand } from './command/stack.ts'
import { tryCommand } from './command/try.ts'
import { whyCommand } from './command/why.ts'

/** The command line: what it accepts, and what each command does. It throws where commander would end the process. */
export function ingesterProgram(): Command {
  const program = new Command('ingester')
    .version(version)
    // Otherwise `init --version updated_at` would be this one's version.
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError(`see ${programName} --help`)
    // `help` and --help work, too, but who reads this needs no line for them: all of it is to fit a screen of 24.
    .configureHelp({
      visibleCommands: ({ commands }) => [...commands],
      visibleOptions: ({ options }) => [...options],
    })
    .addHelpText(
      'before',
      `Examples:
  ${programName} demo                  run everything on this machine; Ctrl-C stops it
  ${programName} run --env-file .env   run the ingester
`,
    )

  // A command imports what it runs when it runs: the others, and --help, do not wait for it.
  for (const command of [
    runCommand(),
    gatewayCommand(),
    initCommand(),
    checkCommand(),
    tryCommand(),
    doctorCommand(),
    demoCommand(),
    migrateCommand(),
    cacheCommand(),
    emulatorCommand(),
    stackCommand(),
    whyCommand(),
    deadLettersCommand(),
    completionCommand(),
  ])
    program.addCommand(command)
  for (const command of everyCommand(program)) command.exitOverride()
  return program
}

/** A command, and all below it. */
export function* everyCommand(command: Command): Generator<Command> {
  yield command
  for (const child of command.commands) yield* everyCommand(child)
}
