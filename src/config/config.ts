import { checkedValues, located } from './checked-values.ts'
import { ConfigFault } from './config-fault.ts'
import type { Environment, Sources } from './environment.ts'
import { readSources } from './environment.ts'
import type { Fault, Malformed, Place, UnknownVariable } from './fault.ts'
import type { PartName } from './parts.ts'
import { parts } from './parts.ts'
import type { Resolved } from './resolve.ts'
import { resolve } from './resolve.ts'
import { isSecret } from './secrets.ts'
import { isPipelinePath } from './names.ts'
import { looksLikeUrl } from './shown.ts'
import type { Values, Variable } from './spec.ts'
import { isOneReference, notOneReference, pipelineOption, unknownPipeline } from './unknown-pipeline.ts'
import { unknownVariables } from './unknown-variables.ts'

/** All that can be set. */
type Parts = { readonly [P in PartName]: ReturnType<(typeof parts)[P]['of']> }

/** What the ingester needs of it. */
export type Config = Omit<Parts, 'gateway' | 'horizons'>

const gatewayParts = [
  'gateway',
  'pubsub',
  'redis',
  'http',
  'log',
  'startupTimeoutMs',
  'shutdownTimeoutMs',
] as const satisfies readonly PartName[]

/** What the gateway needs. */
export type GatewayConfig = Pick<Parts, (typeof gatewayParts)[number]>

export interface LoadedConfig {
  readonly config: Config
  /** Names that are set and do nothing. */
  readonly warnings: readonly UnknownVariable[]
}

/** What is known beside the values themselves. */
export interface Circumstances {
  /** Faults found before. */
  readonly faults?: readonly Fault[]
  /** Where variables stand that are not the process's own. */
  readonly places?: Readonly<Record<string, Place>>
  /** The names of those there are; any other is a fault. */
  readonly pipelines?: readonly string[]
  /** They were named on the command line. */
  readonly hasPipelineOption?: boolean
}

/** What a command line says beside the environment. */
export interface CommandLine {
  readonly envFile?: string | undefined
  /** Names and paths of pipelines, which override those of the environment. */
  readonly pipeline?: readonly string[] | undefined
}

/**
 * The configuration of the service.
 *
 * @param pipelines the names of those there are; any other is a fault
 * @throws ConfigFault with all faults at once
 */
export function loadConfig(options: CommandLine, pipelines: readonly string[] = []): LoadedConfig {
  const { environment, ...rest } = sourcesOf(options)
  return configOf(environment, { ...rest, ...(pipelines.length > 0 ? { pipelines } : {}) })
}

/**
 * The environment, and what the command line sets over it.
 *
 * @throws ConfigFault where the env file cannot be read
 */
export function sourcesOf({ envFile, pipeline = [] }: CommandLine): Sources {
  const sources = readSources(envFile)
  if (pipeline.length === 0) return sources
  const chosen = {
    INGESTER_PIPELINE: undefined,
    INGESTER_PIPELINES: pipeline.filter(isOneReference).join(','),
  }
  return {
    ...sources,
    environment: { ...sources.environment, ...chosen },
    faults: [...sources.faults, ...pipeline.filter((one) => !isOneReference(one)).map(notOneReference)],
    hasPipelineOption: true,
  }
}

/** As {@link loadConfig}, of a given environment. */
export function configOf(environment: Environment, circumstances: Circumstances = {}): LoadedConfig {
  return withWarnings(environment, circumstances, ingesterParts)
}

const ingesterParts = (Object.keys(parts) as PartName[]).filter(
  (name) => name !== 'gateway' && name !== 'horizons',
)

/**
 * The configuration of the gateway. It needs no database: the variables of that are not looked at.
 *
 * @throws ConfigFault with all faults at once
 */
export function loadGatewayConfig({
  envFile,
  port,
}: {
  readonly envFile?: string | undefined
  /** Overrides that of the environment. */
  readonly port?: number | undefined
}) {
  const { environment, ...rest } = sourcesOf({ envFile })
  const chosen = port === undefined ? {} : { INGESTER_GATEWAY_PORT: String(port) }
  return gatewayConfigOf({ ...environment, ...chosen }, rest)
}

/** As {@link loadGatewayConfig}, of a given environment. */
export function gatewayConfigOf(environment: Environment, circumstances: Circumstances = {}) {
  return withWarnings(environment, circumstances, gatewayParts)
}

function withWarnings<P extends PartName>(
  environment: Environment,
  circumstances: Circumstances,
  wanted: readonly P[],
) {
  const warnings = unknownVariables(environment, circumstances.places ?? {})
  try {
    return { config: partsOf(environment, wanted, circumstances), warnings }
  } catch (error) {
    throw error instanceof ConfigFault ? new ConfigFault(error.faults, warnings) : error
  }
}

/** What the commands that need only the database want of the environment. */
export const loadDatabaseConfig = (options: CommandLine = {}, pipelines?: readonly string[]) =>
  loadParts(options, ['pipelines', 'postgres'], pipelines)

/** For a command that reads both stores and decodes messages, but receives none. */
export const loadStoresConfig = (options: CommandLine = {}) =>
  loadParts(options, ['pipelines', 'postgres', 'redis', 'limits'])

/** For a command that uses the database and publishes to the topic of the pipeline's subscription. */
export const loadRedriveConfig = (options: CommandLine = {}) =>
  loadParts(options, ['pipelines', 'postgres', 'pubsub', 'horizons', 'startupTimeoutMs'])

/** For the check of a definition. */
export const loadCheckConfig = (options: CommandLine = {}) =>
  loadParts(options, ['postgres', 'pubsub', 'consumer', 'redis'])

/** For a command that decodes messages; `more` is what it needs to know the types, or to pull them. */
export const loadTrialConfig = <P extends 'postgres' | 'pubsub' | 'startupTimeoutMs'>(
  options: CommandLine,
  more: readonly P[],
) => loadParts(options, ['limits', ...more])

function loadParts<P extends PartName>(
  options: CommandLine,
  wanted: readonly P[],
  pipelines?: readonly string[],
) {
  const { environment, ...rest } = sourcesOf(options)
  return partsOf(environment, wanted, { ...rest, ...(pipelines === undefined ? {} : { pipelines }) })
}

/**
 * These parts of the configuration. The variables of all others may be absent or wrong.
 *
 * @throws ConfigFault with all faults at once
 */
export function partsOf<P extends PartName>(
  environment: Environment,
  wanted: readonly P[],
  circumstances: Circumstances = {},
): Pick<Parts, P> {
  const variables = wanted.flatMap((name) => parts[name].variables)
  const { values, resolved } = read(environment, variables, circumstances)
  // Of the values a part looks at its own only.
  const made = wanted.map((name) => [name, parts[name].of(values as Values, resolved)])
  return Object.fromEntries(made) as Pick<Parts, P>
}

/**
 * The values of these variables. All others may be absent or wrong.
 *
 * @throws ConfigFault with all faults at once
 */
export function valuesOf<V extends Variable>(
  environment: Environment,
  variables: readonly V[],
  circumstances: Circumstances = {},
): Pick<Values, V> {
  return read(environment, variables, circumstances).values
}

function read<V extends Variable>(
  environment: Environment,
  variables: readonly V[],
  { faults: known = [], places = {}, pipelines, hasPipelineOption = false }: Circumstances,
): { readonly values: Pick<Values, V>; readonly resolved: Resolved } {
  const named = variables.flatMap((name) => [name, ...(isSecret(name) ? [`${name}_FILE`] : [])])
  const used = new Set<string>([...named, 'NODE_EXTRA_CA_CERTS'])
  const resolved = resolve(Object.fromEntries(Object.entries(environment).filter(([name]) => used.has(name))))
  const { values, faults } = checkedValues(resolved, variables)
  const all = [...faults, ...pipelineFaults(values, pipelines)]
  const found = hasPipelineOption ? all.map(asOfOption) : all
  if (known.length + found.length > 0) throw new ConfigFault([...known, ...located(found, places)])
  return { values, resolved }
}

/** The value of the variable is that of the option, which has one at a time. */
function asOfOption(fault: Fault): Fault {
  return fault.kind === 'malformed' && fault.variable === 'INGESTER_PIPELINES'
    ? { ...fault, variable: pipelineOption, rule: fault.rule.replace(', separated by commas', '') }
    : fault
}

/** Which there are is not known here. */
function pipelineFaults(
  { INGESTER_PIPELINE: one, INGESTER_PIPELINES: several }: Partial<Values>,
  available: readonly string[] | undefined,
): Malformed[] {
  if (available === undefined) return []
  const variable = several === undefined ? 'INGESTER_PIPELINE' : 'INGESTER_PIPELINES'
  const names = several ?? (one === undefined ? [] : [one])
  return (
    names
      // A URL is a fault already; what a path leads to is found out when it is loaded.
      .filter((name) => !looksLikeUrl(name) && !isPipelinePath(name) && !available.includes(name))
      .map((name) => unknownPipeline(name, available, variable))
  )
}

/**
 * The emulator that the environment names; undefined where it names none.
 *
 * @throws ConfigFault
 */
export function emulatorHostOf(environment: Environment): string | undefined {
  return valuesOf(environment, ['PUBSUB_EMULATOR_HOST']).PUBSUB_EMULATOR_HOST
}
