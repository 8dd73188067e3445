import { createLogger } from '#telemetry/logger.ts'
import type { DemoOptions, DemoResult, RunningDemo } from './demo.ts'
import { demoConfig, runDemo } from './demo.ts'
import { exitCode } from './exit-code.ts'
import { version } from './version.ts'

export interface DemoOutput {
  readonly json: boolean
  /** Data: stdout. */
  readonly out: (line: string) => void
  /** Talk: stderr. */
  readonly talk: (line: string) => void
}

/** Runs the demo and tells about it; returns the exit code. */
export async function demo(options: Omit<DemoOptions, 'started'>, output: DemoOutput): Promise<number> {
  const logger = createLogger(demoConfig(options.environment).log)
  output.talk(`starting PostgreSQL, Redis and a Pub/Sub emulator; seed ${options.seed}`)
  const started = (running: RunningDemo) => startBlock(running, options).forEach((line) => output.talk(line))
  const result = await runDemo({ ...options, started }, logger)

  if (options.forMs === undefined) {
    for (const line of summaryLines(result)) output.talk(line)
    return result.summary.nacked > 0 ? exitCode.unsettled : exitCode.done
  }
  if (output.json) output.out(JSON.stringify(result.summary))
  else for (const line of summaryLines(result)) output.out(line)
  for (const line of differenceLines(result)) output.talk(line)
  return result.summary.converged ? exitCode.done : exitCode.checkFailed
}

function startBlock(running: RunningDemo, options: Omit<DemoOptions, 'started'>): string[] {
  const { config, stack, ingesters, startSeconds } = running
  const { pubsub, engine } = config
  const share = `${options.duplicates}% duplicates, ${options.late}% late, ${options.poison}% poison`
  return [
    '',
    `ingester ${version}, ready after ${startSeconds} s`,
    `  pipeline      ${config.pipeline}: ${pubsub.topicId} → ${pubsub.subscriptionId} → scan_results, dead_letters`,
    `  scanner       ${options.rate} messages/s: ${share}`,
    `  ingesters     ${ingesters.length}, of ${engine.workers} upserters each`,
    `  emulator      PUBSUB_EMULATOR_HOST=${pubsub.emulatorHost}`,
    `  PostgreSQL    psql ${stack.postgres?.url}`,
    `  cache         ${cacheOf(running)}`,
    ...ingesters.map(({ adminUrl }) => `  admin         ${adminUrl}/metrics`),
    options.forMs === undefined
      ? '  Ctrl-C ends all of it'
      : `  publishing for ${options.forMs / 1000} s, then checking`,
    '',
  ]
}

function cacheOf({ stack, ingesters }: RunningDemo): string {
  const missing = stack.missing.map(({ why, mend }) => `none: ${why} (${mend})`)
  return missing[0] ?? ingesters[0]?.cache ?? ''
}

function summaryLines({ summary }: DemoResult): string[] {
  const counts = Object.entries(summary).filter(([name]) => name !== 'converged')
  const width = Math.max(...counts.map(([name]) => name.length))
  return counts.map(([name, value]) => `  ${name.padEnd(width)}  ${value.toLocaleString('en')}`)
}

const shownDifferences = 10

function differenceLines({ summary, differences }: DemoResult): string[] {
  if (summary.converged) return ['converged: the table holds the newest record of every key']
  const shown = differences.slice(0, shownDifferences).map((line) => `  ${line}`)
  const more = differences.length - shown.length
  return ['NOT converged:', ...shown, ...(more > 0 ? [`  … and ${more} more`] : [])]
}
