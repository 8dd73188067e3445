import type { IncrementsDemoOptions } from '#demo/increments/increment-traffic.ts'
import type { ScansDemoOptions } from '#demo/scans/scans-demo.ts'
import { ConfigurationError } from '#core/command-error.ts'

/** What the command line says of a demo; what it leaves out is the system's own default. */
export interface GivenOptions {
  readonly pipeline: string
  readonly rate?: number
  readonly duplicates?: number
  readonly late?: number
  readonly poison?: number
  readonly replicas?: number
  readonly gateways?: number
  readonly kills?: boolean
  readonly pauseBroker?: number
  /** How long messages are published. */
  readonly for?: number
  readonly seed: number
}

type Choice = keyof Omit<GivenOptions, 'pipeline' | 'seed' | 'for'>

/** What each demo does unless it is told otherwise: the options that it has, and no others. */
const demoDefaults = {
  scans: { rate: 500, duplicates: 10, late: 20, poison: 1, replicas: 1 },
  increments: { rate: 200, duplicates: 20, replicas: 2, gateways: 3, kills: true, pauseBroker: 0 },
} as const satisfies Record<string, Partial<Record<Choice, number | boolean>>>

export type DemoSettings =
  | ({ readonly pipeline: 'scans' } & ScansDemoOptions)
  | ({ readonly pipeline: 'increments' } & IncrementsDemoOptions)

/**
 * The options of a demo, complete.
 *
 * @throws ConfigurationError where there is no such demo, or where it has no use for an option
 */
export function demoSettings(given: GivenOptions): DemoSettings {
  const { pipeline, seed } = given
  if (pipeline !== 'scans' && pipeline !== 'increments')
    throw new ConfigurationError(
      `--pipeline: there is no demo of "${pipeline}" (available: ${Object.keys(demoDefaults).join(', ')})`,
    )
  const choices = Object.keys(given).filter((name): name is Choice => name in allDefaults)
  for (const name of choices) {
    if (given[name] !== undefined && !(name in demoDefaults[pipeline])) throw unused(name, pipeline)
  }
  const chosen = Object.fromEntries(
    choices.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  )
  if (pipeline === 'scans') return { ...demoDefaults.scans, ...chosen, pipeline, seed }
  const settings = { ...demoDefaults.increments, ...chosen, pipeline, seed } as const
  if (settings.kills && settings.replicas < 2)
    throw new ConfigurationError(
      '--replicas must be at least 2 where one ingester is killed: the other continues; or choose --no-kills',
    )
  if (settings.pauseBroker > 0 && settings.pauseBroker >= (given.for ?? 0))
    throw new ConfigurationError('--pause-broker must be shorter than --for: the pause is in its middle')
  return settings
}

const allDefaults = { ...demoDefaults.scans, ...demoDefaults.increments }

function unused(name: Choice, pipeline: keyof typeof demoDefaults): ConfigurationError {
  const has = Object.keys(demoDefaults[pipeline]).map(flagOf)
  return new ConfigurationError(
    `${flagOf(name)} has no meaning in the demo of ${pipeline}, which has ${has.join(', ')}`,
  )
}

const flags: Readonly<Record<string, string>> = { kills: '--no-kills', pauseBroker: '--pause-broker' }
const flagOf = (name: string) => flags[name] ?? `--${name}`

/** For help: a default that differs between demos. */
export function defaultsOf(name: Choice): string {
  const values = Object.entries(demoDefaults).flatMap(([pipeline, defaults]) =>
    name in defaults ? [`${pipeline} ${String((defaults as Record<string, unknown>)[name])}`] : [],
  )
  return `(default: ${values.join(', ')})`
}
