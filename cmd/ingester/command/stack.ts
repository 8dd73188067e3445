import { Command } from 'commander'
import { exitCode } from '#app/exit-code.ts'
import type { StackStatus } from '#app/stack-status.ts'
import { readEnvironment } from '#config/environment.ts'
import { stopSignals } from '../stop-signals.ts'

interface UpOptions {
  readonly detach?: boolean
  readonly write?: string
  readonly json?: boolean
}

interface StatusOptions {
  readonly url?: boolean
  readonly json?: boolean
}

export function stackCommand(): Command {
  return new Command('stack')
    .summary('PostgreSQL, Redis and the emulator alone')
    .description('PostgreSQL with the tables, Redis and the Pub/Sub emulator, without an ingester.')
    .addHelpText(
      'before',
      `Examples:
  bin/ingester stack up                                  until Ctrl-C
  bin/ingester stack up --detach --write .env.local      in the background; then:
  bin/ingester run --env-file .env.local
  bin/ingester stack down
`,
    )
    .addCommand(
      new Command('up')
        .description('start it; prints the variables that point an ingester at it')
        .option('--detach', 'in the background; returns when all of it is ready')
        .option('--write <file>', 'write the variables to an env file, too')
        .option('--json', 'print one JSON object')
        .action(up),
    )
    .addCommand(new Command('down').description('end the one in the background').action(down))
    .addCommand(
      new Command('status')
        .description('where it is; exit 4 if there is none')
        .option('--url', 'print the URL for psql alone')
        .option('--json', 'print one JSON object')
        .action(status),
    )
}

async function up({ detach, write, json }: UpOptions): Promise<void> {
  const { envLines, stackUp, stackUpDetached, writeEnvFile } = await import('#app/stack.ts')
  const tell = (status: StackStatus) => {
    if (json) return console.log(JSON.stringify(status))
    for (const line of envLines(status.env)) console.log(line)
  }
  if (detach) {
    const status = await stackUpDetached()
    if (write) await writeEnvFile(write, status)
    return tell(status)
  }
  using signals = stopSignals(() => console.error('stopping'))
  let writing: Promise<void> = Promise.resolve()
  await stackUp({
    environment: readEnvironment(undefined),
    signal: signals.stop,
    log: (line) => console.error(line),
    started: (status) => {
      if (write) writing = writeEnvFile(write, status)
      tell(status)
    },
  })
  await writing
}

async function down(): Promise<void> {
  const { stackDown } = await import('#app/stack.ts')
  console.error((await stackDown()) ? 'ended' : 'there is no stack of this folder in the background')
}

async function status({ url, json }: StatusOptions): Promise<void> {
  const { stackStatus } = await import('#app/stack.ts')
  const found = await stackStatus()
  if (!found) {
    console.error('no stack of this folder is running: start one with `bin/ingester stack up --detach`')
    process.exitCode = exitCode.checkFailed
    return
  }
  if (url) return console.log(found.url)
  if (json) return console.log(JSON.stringify(found))
  const whose = found.who === 'demo' ? 'of a running demo, ' : ''
  console.log(`${whose}running since ${found.since}, pid ${found.pid}`)
  for (const { name, address } of found.services) console.log(`  ${name.padEnd(16)}  ${address}`)
}
