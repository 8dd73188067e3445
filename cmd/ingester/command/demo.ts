import { Command } from 'commander'
import { readEnvironment } from '#config/environment.ts'
import { parseDuration, parsePercentage, parseWhole } from '#config/values.ts'
import { argument } from '../arguments.ts'
import { stopSignals } from '../stop-signals.ts'

const duration = argument(parseDuration)
const percentage = argument(parsePercentage)
const whole = (least: number) => argument((text) => parseWhole(text, least))

interface Options {
  readonly for?: number
  readonly rate: number
  readonly duplicates: number
  readonly late: number
  readonly poison: number
  readonly replicas: number
  readonly seed: number
  readonly json?: boolean
}

export function demoCommand(): Command {
  return new Command('demo')
    .description('Run everything on this machine: PostgreSQL, Redis, Pub/Sub emulator, scanner, ingester.')
    .option(
      '--for <duration>',
      'publish for so long, then compare the table with what was published',
      duration,
    )
    .option('--rate <n>', 'messages a second', whole(1), 500)
    .option('--duplicates <percent>', 'messages that are published again', percentage, 10)
    .option('--late <percent>', 'messages that are out of order', percentage, 20)
    .option('--poison <percent>', 'messages that cannot be stored', percentage, 1)
    .option('--replicas <n>', 'ingesters on the one subscription', whole(1), 1)
    .option('--seed <n>', 'of the generated messages', whole(0), Date.now() % 2 ** 32)
    .option('--json', 'with --for: print the summary as one JSON object, last on stdout')
    .addHelpText(
      'before',
      `Examples:
  bin/ingester demo                                      until Ctrl-C
  bin/ingester demo --for 20s --rate 2000 --json         checks itself: exit 0 if the table is right, else 4
  bin/ingester demo --for 1m --replicas 3 --late 50
`,
    )
    .action(async (options: Options, command: Command) => {
      const { duplicates, late, poison } = options
      if (duplicates + late + poison > 100)
        command.error('--duplicates, --late and --poison add up to more than 100')
      if (options.json && options.for === undefined)
        command.error('--json needs --for: it prints the verdict')
      const { demo } = await import('#app/demo-report.ts')
      using signals = stopSignals(() =>
        console.error('stopping: settling what is in hand; once more to leave now'),
      )
      process.exitCode = await demo(
        {
          ...options,
          forMs: options.for,
          signal: signals.stop,
          hurry: signals.hurry,
          environment: readEnvironment(undefined),
        },
        {
          json: options.json ?? false,
          out: (line) => console.log(line),
          talk: (line) => console.error(line),
        },
      )
    })
}
