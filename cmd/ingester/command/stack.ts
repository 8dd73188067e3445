import { Command } from 'commander'
import { exitCode } from '#app/exit-code.ts'
import type { StackStatus } from '#dev-stack/status.ts'
import { processEnvironment } from '#config/environment.ts'
import { programName } from '#runtime/program-name.ts'
import { stopSignals } from '../stop-signals.ts'

interface UpOptions {
  readonly detach?: boolean
  readonly write?: string
  readonly json?: boolean
}

interface StatusOptions {
  readonly serviceFile?: boolean
  readonly write?: string
  readonly owner?: boolean
  readonly json?: boolean
}

export function stackCommand(): Command {
  return new Command('stack')
    .summary('run PostgreSQL, Redis and the emulator alone')
    .description('PostgreSQL with the tables, Redis and the Pub/Sub emulator, without an ingester.')
    .addHelpText(
      'before',
      `Examples:
  ${programName} stack up                                  until Ctrl-C
  ${programName} stack up --detach --write .env.local      in the background; then:
  ${programName} run --env-file .env.local
  ${programName} stack down
  ${programName} stack status --write .env.local           also of a running demo
`,
    )
    .addCommand(
      new Command('up')
        .description('start the stack; print the variables for an ingester')
        .option('--detach', 'start it in the background; return when everything is ready')
        .option('--write <file>', 'write the variables to an env file, and print them without passwords')
        .option('--json', 'print one JSON object')
        .action(up),
    )
    .addCommand(new Command('down').description('stop the background stack').action(down))
    .addCommand(
      new Command('status')
        .description('show where it runs; exit 4 if it does not')
        .option('--service-file', 'print only the path of a service file, for PGSERVICEFILE and psql')
        .option('--write <file>', 'write the variables that point an ingester at it to an env file')
        .option('--owner', 'with --write: as the role that owns the tables, for `migrate`')
        .option('--json', 'print one JSON object')
        .action(status),
    )
}

async function up({ detach, write, json }: UpOptions): Promise<void> {
  const { checkEnvFile, envLines, withoutPasswords, writeEnvFile } = await import('#dev-stack/env-file.ts')
  const environment = processEnvironment()
  const say = (line: string) => console.error(line)
  const report = (status: StackStatus) => {
    if (json) return console.log(JSON.stringify(status))
    for (const line of envLines(write ? withoutPasswords(status.env) : status.env)) console.log(line)
    if (write) say(`written to ${write}, with the passwords`)
  }
  if (write) await checkEnvFile(write)
  if (detach) {
    const { stackUpDetached } = await import('#dev-stack/background.ts')
    const status = await stackUpDetached(environment, say)
    if (write) await writeEnvFile(write, status.env)
    return report(status)
  }
  const { stackUp } = await import('#dev-stack/up.ts')
  // What it started is ended by the end of this process, however that comes.
  using signals = stopSignals(
    () => say('stopping; press Ctrl-C again to force exit'),
    () => process.exit(exitCode.done),
  )
  let writing: Promise<void> = Promise.resolve()
  await stackUp({
    environment,
    signal: signals.stop,
    log: say,
    started: (status) => {
      if (write) writing = writeEnvFile(write, status.env)
      report(status)
    },
  })
  await writing
}

async function down(): Promise<void> {
  const { stackDown } = await import('#dev-stack/background.ts')
  const there = await stackDown(processEnvironment())
  console.error(there ? 'stopped' : 'no background stack of this folder is running')
}

async function status({ serviceFile, write, owner, json }: StatusOptions, command: Command): Promise<void> {
  if (owner && !write)
    command.error('error: --owner needs --write <file>: it selects whose variables are written there')
  const { stacksOf } = await import('#dev-stack/background.ts')
  const { endedServices } = await import('#dev-stack/status.ts')
  const [found, other] = await stacksOf(processEnvironment())
  if (!found) {
    console.error(`no stack of this folder is running: start one with \`${programName} stack up --detach\``)
    process.exitCode = exitCode.checkFailed
    return
  }
  const ended = endedServices(found)
  if (ended.length > 0) {
    const names = ended.map(({ name }) => name).join(' and ')
    const fix =
      found.who === 'demo'
        ? 'stop the demo with Ctrl-C'
        : `stop it with \`${programName} stack down\`, then start it again, or let \`stack up --detach\` do both`
    console.error(`${names} of ${whose(found)} exited unexpectedly: ${fix}`)
    process.exitCode = exitCode.checkFailed
  }
  if (write) {
    const { writeEnvFile } = await import('#dev-stack/env-file.ts')
    await writeEnvFile(write, owner ? found.ownerEnv : found.env)
    console.error(`the variables of ${whose(found)} are written to ${write}`)
  }
  if (json) return console.log(JSON.stringify(found))
  if (serviceFile) {
    if (ended.some(({ name }) => name === 'PostgreSQL')) return
    console.error(`connecting to ${whose(found)}${other ? `, not to ${whose(other)}` : ''}`)
    return console.log(found.serviceFile)
  }
  if (write) return
  console.log(
    `${found.who === 'demo' ? 'of a running demo, ' : ''}running since ${found.since}, pid ${found.pid}`,
  )
  for (const { name, address, ended: how } of found.services) {
    console.log(`  ${name.padEnd(16)}  ${address}${how === undefined ? '' : `  exited unexpectedly: ${how}`}`)
  }
  console.log(`  ${'psql'.padEnd(16)}  ${found.psql}`)
}

function whose({ who }: StackStatus): string {
  return who === 'demo' ? 'the running demo' : 'the background stack'
}
