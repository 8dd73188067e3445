import type { CleanedEnv } from 'envalid'
import { EnvMissingError, customCleanEnv } from 'envalid'
import type { Environment } from './environment.ts'
import { readSources } from './environment.ts'
import { ConfigFault } from './fault.ts'
import { isGoogleProjectId } from './names.ts'
import type { Resolved } from './resolve.ts'
import { resolve } from './resolve.ts'
import type { Secret } from './secrets.ts'
import { isSecret, secretFiles } from './secrets.ts'
import { looksLikeUrl, mayHoldSecret, quoted } from './shown.ts'
import { similarName } from './similar.ts'
import { spec } from './spec.ts'
import type { InWords } from './validators.ts'

/** All that can be set, grouped by who uses it. Times in ms, sizes in bytes. */
export type Config = ReturnType<typeof shape>

export interface LoadedConfig {
  readonly config: Config
  /** Names that are set and do nothing. */
  readonly warnings: readonly string[]
}

/** What is known beside the values themselves. */
export interface Circumstances {
  /** Faults found before. */
  readonly faults?: readonly string[]
  /** Where variables stand that are not the process's own. */
  readonly places?: Readonly<Record<string, string>>
  /** The names of those there are; any other is a fault. */
  readonly pipelines?: readonly string[]
}

/**
 * The configuration of the service.
 *
 * @param pipelines the names of those there are; any other is a fault
 * @throws ConfigFault with all faults at once
 */
export function loadConfig(envFile?: string, pipelines: readonly string[] = []): LoadedConfig {
  const { environment, ...rest } = readSources(envFile)
  return configOf(environment, { ...rest, ...(pipelines.length > 0 ? { pipelines } : {}) })
}

/** As {@link loadConfig}, of a given environment. */
export function configOf(
  environment: Environment,
  { faults: known = [], places = {}, pipelines }: Circumstances = {},
): LoadedConfig {
  const resolved = resolve(environment)
  const { clean, faults } = validated(resolved)
  // A value that is missing or wrong is undefined here, and no comparison finds fault with that.
  const config = shape(clean, resolved)
  const crossFaults = crossChecks.filter(({ isBroken }) => isBroken(config)).map(({ fault }) => fault)
  const ofValues = [...resolved.faults, ...faults, ...pipelineFaults(config, pipelines), ...crossFaults]
  const all = [...known, ...ofValues.map((fault) => located(fault, places))]
  const warnings = warningsOf(environment, places)
  if (all.length > 0) throw new ConfigFault(all, warnings)
  return { config, warnings }
}

/** With the place of the variable that a message begins with, if that is in a file. */
function located(message: string, places: Readonly<Record<string, string>>): string {
  const [name = ''] = /^\w+/.exec(message) ?? []
  return places[name] === undefined ? message : `${message} (${places[name]})`
}

/** Which there are is not known here. */
function pipelineFaults({ pipeline }: Config, there: readonly string[] | undefined): string[] {
  // A URL is a fault already.
  if (there === undefined || pipeline === undefined || looksLikeUrl(pipeline) || there.includes(pipeline))
    return []
  return [`INGESTER_PIPELINE: ${unknownPipeline(pipeline, there)}`]
}

export function unknownPipeline(name: string, there: readonly string[]): string {
  const which = mayHoldSecret(name) ? 'of this name, which is not repeated here' : quoted(name)
  return `there is no pipeline ${which}; there are: ${there.join(', ')}`
}

const ofDatabase = /^(INGESTER_(POSTGRES_|PIPELINE$)|NODE_EXTRA_CA_CERTS$)/
const ofTopic = /^(INGESTER_(PROJECTID|TOPICID|SUBSCRIPTIONID|STARTUP_TIMEOUT)|PUBSUB_EMULATOR_HOST)$/
/** Outstanding bytes, too: a limit of the message size is measured against them. */
const ofCacheAndMessages = /^INGESTER_(REDIS_|(MAX_MESSAGE_BYTES|MAX_OUTSTANDING_BYTES|MAX_CLOCK_SKEW)$)/

const withoutProject = { INGESTER_PROJECTID: 'unused' }

/** What the commands that need only the database want of the environment. */
export function loadDatabaseConfig(envFile?: string): Pick<Config, 'pipeline' | 'postgres'> {
  return loadPart(envFile, [ofDatabase], withoutProject)
}

/** What a command wants that looks into both stores and reads messages, but receives none. */
export function loadStoresConfig(
  envFile?: string,
): Pick<Config, 'pipeline' | 'postgres' | 'redis' | 'limits'> {
  return loadPart(envFile, [ofDatabase, ofCacheAndMessages], withoutProject)
}

/** What a command wants that publishes, besides the database, to the topic of the pipeline's subscription. */
export function loadRedriveConfig(envFile?: string): Pick<
  Config,
  'pipeline' | 'postgres' | 'startupTimeoutMs'
> & {
  readonly pubsub: Pick<Config['pubsub'], 'projectId' | 'topicId' | 'subscriptionId' | 'emulatorHost'>
} {
  return loadPart(envFile, [ofDatabase, ofTopic], {})
}

/** The rest of the specification may be absent or wrong: it is not used, nor is the pool measured against it. */
function loadPart(envFile: string | undefined, own: readonly RegExp[], unused: Environment): Config {
  const { environment, ...rest } = readSources(envFile)
  const used = Object.entries(environment).filter(([name]) => own.some((pattern) => pattern.test(name)))
  return configOf({ ...unused, INGESTER_WORKER_COUNT: '1', ...Object.fromEntries(used) }, rest).config
}

/**
 * Where the environment wants an emulator to be used; undefined where it names none.
 *
 * @throws ConfigFault
 */
export function emulatorHostOf(environment: Environment): string | undefined {
  const name = 'PUBSUB_EMULATOR_HOST'
  const { clean, faults } = validated(resolve({ [name]: environment[name] }))
  const own = faults.filter((fault) => fault.startsWith(name))
  if (own.length > 0) throw new ConfigFault(own)
  return clean[name]
}

type Name = keyof typeof spec

function validated(resolved: Resolved): { clean: CleanedEnv<typeof spec>; faults: readonly string[] } {
  const { values, unknown, fromUrl } = resolved
  const faults = new Map<Name, string>()
  const clean = customCleanEnv({ ...values }, spec, (cleaned) => cleaned, {
    reporter: ({ errors }) => {
      for (const [name, error] of Object.entries(errors))
        faults.set(name as Name, describe(name as Name, error))
    },
  })
  for (const name of Object.keys(spec) as Name[]) {
    const url = fromUrl.get(name)
    if (unknown.has(name)) faults.delete(name)
    else if (url !== undefined && faults.has(name))
      faults.set(name, `${url}: its ${wordFor(name)} must be ${allowed(name)}`)
    else if (url === undefined && isUrlElsewhere(name, values[name])) faults.set(name, notForUrls(name))
  }
  return { clean, faults: [...faults.values()] }
}

function describe(name: Name, error: Error | undefined): string {
  if (!(error instanceof EnvMissingError)) return `${name}: ${error?.message ?? 'invalid'}`
  const example = (spec[name] as { example?: string }).example
  return `${name} is not set; for example ${name}=${example ?? '…'}`
}

const allowed = (name: Name) => (spec[name] as unknown as InWords).allows

/** `INGESTER_POSTGRES_SSL_MODE`: ssl mode. */
const wordFor = (name: Name) =>
  name
    .replace(/^INGESTER_[A-Z]+_/, '')
    .replaceAll('_', ' ')
    .toLowerCase()

/** An emulator's address may have a scheme, and looks for the rest itself. */
function isUrlElsewhere(name: Name, value: string | undefined): boolean {
  const mayBe = isSecret(name) || name === 'PUBSUB_EMULATOR_HOST'
  return value !== undefined && !mayBe && looksLikeUrl(value)
}

/** There may be a password in it, which must not get into a log. */
function notForUrls(name: Name): string {
  const [, group] = /^INGESTER_(POSTGRES|REDIS)_/.exec(name) ?? []
  const where = group === undefined ? '' : `; a URL belongs in INGESTER_${group}_URL`
  return `${name}: must be ${allowed(name)}, not a URL or a connection string, which is not repeated here${where}`
}

function shape(env: CleanedEnv<typeof spec>, { values, secrets }: Resolved) {
  // Of certificates Node.js itself reads this when it starts, and not again.
  const authoritiesFile = values['NODE_EXTRA_CA_CERTS']
  return {
    pipeline: env.INGESTER_PIPELINE,
    pubsub: {
      projectId: env.INGESTER_PROJECTID,
      /** Undefined: the pipeline's own. */
      topicId: env.INGESTER_TOPICID,
      subscriptionId: env.INGESTER_SUBSCRIPTIONID,
      emulatorHost: env.PUBSUB_EMULATOR_HOST,
      ackDeadlineMs: env.INGESTER_ACK_DEADLINE,
      maxOutstandingMessages: env.INGESTER_MAX_OUTSTANDING_MESSAGES,
      maxOutstandingBytes: env.INGESTER_MAX_OUTSTANDING_BYTES,
    },
    limits: {
      maxMessageBytes: env.INGESTER_MAX_MESSAGE_BYTES,
      maxClockSkewMs: env.INGESTER_MAX_CLOCK_SKEW,
    },
    postgres: {
      host: env.INGESTER_POSTGRES_HOST,
      port: env.INGESTER_POSTGRES_PORT,
      user: env.INGESTER_POSTGRES_USER,
      password: secrets.get('INGESTER_POSTGRES_PASSWORD') as Secret,
      database: env.INGESTER_POSTGRES_DB,
      sslMode: env.INGESTER_POSTGRES_SSL_MODE,
      authoritiesFile,
      poolSize: env.INGESTER_POSTGRES_POOL_SIZE ?? env.INGESTER_WORKER_COUNT + 2,
      statementTimeoutMs: env.INGESTER_POSTGRES_STATEMENT_TIMEOUT,
    },
    redis: {
      enabled: env.INGESTER_REDIS_ENABLED,
      ...env.INGESTER_REDIS_ADDR,
      password: secrets.get('INGESTER_REDIS_PASSWORD'),
      db: env.INGESTER_REDIS_DB,
      tls: env.INGESTER_REDIS_TLS,
      authoritiesFile,
      ttlMs: env.INGESTER_REDIS_TTL,
      claims: env.INGESTER_REDIS_CLAIMS,
    },
    engine: {
      workers: env.INGESTER_WORKER_COUNT,
      maxBatchRecords: env.INGESTER_MAX_BATCH_SIZE,
      maxBatchBytes: env.INGESTER_MAX_BATCH_BYTES,
      flushIntervalMs: env.INGESTER_FLUSH_INTERVAL,
    },
    startupTimeoutMs: env.INGESTER_STARTUP_TIMEOUT,
    shutdownTimeoutMs: env.INGESTER_SHUTDOWN_TIMEOUT,
    log: { level: env.INGESTER_LOG_LEVEL, output: env.INGESTER_LOG_OUTPUT },
    http: { host: env.INGESTER_HTTP_HOST, port: env.INGESTER_HTTP_PORT },
  }
}

/** What each value alone cannot show. */
export const crossChecks: readonly {
  readonly fault: string
  readonly isBroken: (config: Config) => boolean
}[] = [
  {
    fault: 'INGESTER_MAX_OUTSTANDING_BYTES must not be less than INGESTER_MAX_MESSAGE_BYTES',
    isBroken: ({ pubsub, limits }) => pubsub.maxOutstandingBytes < limits.maxMessageBytes,
  },
  {
    fault:
      "INGESTER_PROJECTID must be a project's id (6 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen) or number, unless PUBSUB_EMULATOR_HOST is set",
    isBroken: ({ pubsub: { projectId, emulatorHost } }) =>
      emulatorHost === undefined && projectId !== undefined && !isGoogleProjectId(projectId),
  },
  {
    fault:
      'INGESTER_POSTGRES_POOL_SIZE must not be less than INGESTER_WORKER_COUNT: each worker writes on its own connection',
    isBroken: ({ postgres, engine }) => postgres.poolSize < engine.workers,
  },
]

const known: readonly string[] = [...Object.keys(spec), ...secretFiles, 'NODE_EXTRA_CA_CERTS']

/**
 * Not faults: Kubernetes, for one, injects names such as INGESTER_SERVICE_HOST. A file was written for us, so there also
 * names that are only like ours are told.
 */
function warningsOf(environment: Environment, places: Readonly<Record<string, string>>): string[] {
  return Object.keys(environment)
    .filter((name) => !known.includes(name))
    .flatMap((name) => {
      const place = places[name]
      const isOurs = /^ingester[_.-]/i.test(name)
      const meant = isOurs || place !== undefined ? similarName(name, known) : undefined
      if (!isOurs && meant === undefined) return []
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`
      const where = place === undefined ? '' : ` (${place})`
      return [`${/^\w+$/.test(name) ? name : quoted(name)} is not known, and ignored${hint}${where}`]
    })
}
