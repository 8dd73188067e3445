import type { Config } from '#config/config.ts'
import { configOf } from '#config/config.ts'
import type { Environment, Sources } from '#config/environment.ts'
import { processEnvironment, readSources } from '#config/environment.ts'
import { ConfigFault } from '#config/fault.ts'
import { secretFiles } from '#config/secrets.ts'
import { quoted } from '#config/shown.ts'
import { rightValue, spec } from '#config/spec.ts'
import type { Finding } from '#core/finding.ts'
import { failed, ok, warning } from '#core/finding.ts'
import type { Fix } from '#core/fix.ts'
import { remark, secret, setting, shell, shellWord } from '#core/fix.ts'
import type { Pipeline } from '#core/pipeline.ts'
import type { ConfigOrigins } from './render-fixes.ts'
import { pipelineNamed, pipelineNames } from '#connect/pipelines.ts'

const name = 'configuration'

export interface ConfigReading {
  readonly findings: readonly Finding[]
  readonly origins: ConfigOrigins
  /** Undefined where it is wrong. */
  readonly usable: { readonly config: Config; readonly pipeline: Pipeline } | undefined
}

/** The configuration, or all that is wrong with it; and the names that are set and do nothing. */
export function readConfig(envFile: string | undefined): ConfigReading {
  const own = processEnvironment()
  let sources: Sources
  try {
    sources = readSources(envFile)
  } catch (error) {
    const [fault = ''] = faultsOf(error)
    const fix = / ENOENT/.test(fault)
      ? shell(`cp -i .env.demo ${shellWord(envFile ?? '')}`)
      : remark(`make ${quoted(envFile ?? '')} a file of lines NAME=value, in UTF-8, that this user can read`)
    return {
      findings: [failed(name, fault, fix)],
      origins: { envFile, own, environment: own },
      usable: undefined,
    }
  }
  const { environment, ...circumstances } = sources
  const origins = { envFile, own, environment }
  const unknown = (warnings: readonly string[]) => warnings.map((one) => unknownFinding(one, origins))
  try {
    const { config, warnings } = configOf(environment, { ...circumstances, pipelines: pipelineNames })
    const pipeline = pipelineNamed(config.pipeline)
    const from = envFile === undefined ? 'from the environment' : `from the environment and ${envFile}`
    return {
      findings: [ok(name, `every variable is right, ${from}`), ...unknown(warnings)],
      origins,
      usable: { config, pipeline },
    }
  } catch (error) {
    const faults = faultsOf(error)
    const warnings = error instanceof ConfigFault ? error.warnings : []
    const findings = faults.map((fault) => failed(name, fault, fixOf(fault, sources, origins)))
    return { findings: [...findings, ...unknown(warnings)], origins, usable: undefined }
  }
}

/** @throws what is no fault of the configuration */
function faultsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigFault) return error.faults
  throw error
}

const variable = /\b(?:INGESTER|PUBSUB)_[A-Z_]+\b/g

/** The value that the fault itself proposes, or the default: that of the first variable, if that is enough. */
function fixOf(fault: string, sources: Sources, origins: ConfigOrigins): Fix {
  const { faults: ofFile, environment } = sources
  if (ofFile.includes(fault)) return remark(`change that line: ${fault.replace(/^[^;]*; /, '')}`)
  const [, missing, example] = /^(\w+) is not set; for example \w+=(.*)$/.exec(fault) ?? []
  if (missing !== undefined && example !== undefined) {
    return missing.endsWith('PASSWORD') ? secret(missing) : setting({ [missing]: example })
  }
  const [, ofSecret] = /^(INGESTER_(?:POSTGRES|REDIS)_(?:PASSWORD|URL))(?:_FILE|:| has)/.exec(fault) ?? []
  if (ofSecret !== undefined) return secret(ofSecret)
  const [, wrong, meant] = /^(\w+): .*; a URL belongs in (\w+)/.exec(fault) ?? []
  if (wrong !== undefined && meant !== undefined) return shell(renamed(wrong, meant, origins))
  const [first = '', ...more] = new Set(fault.match(variable))
  const candidates = [[first], [first, ...more]].map((names) =>
    Object.fromEntries(names.map((one) => [one, (isVariable(one) && rightValue(one)) || ''])),
  )
  const enough = candidates.find((values) => !isStill(fault, { ...environment, ...values }, sources))
  return setting(enough ?? candidates[0] ?? {})
}

const isVariable = (one: string): one is keyof typeof spec => Object.hasOwn(spec, one)

function isStill(fault: string, environment: Environment, { places }: Sources): boolean {
  try {
    configOf(environment, { places, pipelines: pipelineNames })
    return false
  } catch (error) {
    return faultsOf(error).includes(fault)
  }
}

/** Perhaps a slip of the pen: then it is renamed where it stands. Else it goes. */
function unknownFinding(text: string, origins: ConfigOrigins): Finding {
  const [wrong] = /^\w+/.exec(text) ?? []
  if (wrong === undefined) return warning('unknown variable', text, remark('take it out of the environment'))
  const meant = nearest(wrong)
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  return warning('unknown variable', `${text}${hint}`, shell(renamed(wrong, meant, origins)))
}

/** Gives a variable its right name where it stands; without one it is removed. */
function renamed(wrong: string, meant: string | undefined, { envFile, own }: ConfigOrigins): string {
  const inShell = meant === undefined ? `unset ${wrong}` : `export ${meant}="$${wrong}"; unset ${wrong}`
  const change = meant === undefined ? `/${wrong} *=/d` : `s/${wrong} *=/${meant}=/`
  const isOwn = own[wrong] !== undefined || envFile === undefined
  return isOwn ? inShell : `sed -i.bak '${change}' ${shellWord(envFile)}`
}

/** As many letters may differ. */
const mostSlips = 3

function nearest(wrong: string): string | undefined {
  const known = [...Object.keys(spec), ...secretFiles].map((one) => ({
    one,
    slips: slipsBetween(wrong, one),
  }))
  return known.filter(({ slips }) => slips <= mostSlips).sort((a, b) => a.slips - b.slips)[0]?.one
}

/** Levenshtein's distance. */
function slipsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
