import type { Config } from '#config/config.ts'
import { configOf } from '#config/config.ts'
import type { Environment } from '#config/environment.ts'
import { readEnvironment, withSecrets } from '#config/environment.ts'
import { ConfigFault } from '#config/fault.ts'
import { spec } from '#config/spec.ts'
import type { Finding } from '#core/finding.ts'
import { failed, ok, warning } from '#core/finding.ts'
import { ConfigurationError, messageOf } from '#core/failure.ts'
import type { Mend } from '#core/mend.ts'
import { secret, setting, shell, shellWord } from '#core/mend.ts'
import type { Pipeline } from '#core/pipeline.ts'
import type { Surroundings } from './pasteable.ts'
import { pipelineNamed, pipelineNames } from './pipelines.ts'

const name = 'configuration'

export interface ConfigReading {
  readonly findings: readonly Finding[]
  readonly surroundings: Surroundings
  /** Undefined where it is wrong. */
  readonly usable: { readonly config: Config; readonly pipeline: Pipeline } | undefined
}

/** The configuration, or all that is wrong with it; and the names that are set and do nothing. */
export function readConfig(envFile: string | undefined): ConfigReading {
  const own = readEnvironment(undefined)
  let environment = own
  try {
    environment = readEnvironment(envFile)
  } catch (error) {
    const copy = shell(`cp -i .env.demo ${shellWord(envFile ?? '')}`)
    return {
      findings: [failed(name, messageOf(error).replace(/^.*\n\s*/, ''), copy)],
      surroundings: { envFile, own, environment },
      usable: undefined,
    }
  }
  const surroundings = { envFile, own, environment }
  try {
    const { environment: complete, faults } = withSecrets(environment)
    const { config, warnings } = configOf(complete, faults, pipelineNames)
    const pipeline = pipelineNamed(config.pipeline)
    const from = envFile === undefined ? 'from the environment' : `from the environment and ${envFile}`
    const unknown = warnings.map((one) => unknownFinding(one, surroundings))
    return {
      findings: [ok(name, `every variable is right, ${from}`), ...unknown],
      surroundings,
      usable: { config, pipeline },
    }
  } catch (error) {
    const faults =
      error instanceof ConfigFault
        ? error.faults
        : error instanceof ConfigurationError
          ? [error.message]
          : undefined
    if (!faults) throw error
    return {
      findings: faults.map((fault) => failed(name, fault, mendOf(fault, environment))),
      surroundings,
      usable: undefined,
    }
  }
}

const variable = /\b(?:INGESTER|PUBSUB)_[A-Z_]+\b/g

/** The value that the fault itself proposes, or the default: that of the first variable, if that is enough. */
function mendOf(fault: string, environment: Environment): Mend {
  const [, missing, example] = /^(\w+) is not set; for example \w+=(.*)$/.exec(fault) ?? []
  if (missing !== undefined && example !== undefined) {
    return missing.endsWith('PASSWORD') ? secret(missing) : setting({ [missing]: example })
  }
  const [, ofFile] = /^(\w+)_FILE .*(?:cannot be read|is empty)/.exec(fault) ?? []
  if (ofFile !== undefined) return secret(ofFile)
  const [first = '', ...more] = new Set(fault.match(variable))
  const candidates = [[first], [first, ...more]].map((names) =>
    Object.fromEntries(names.map((one) => [one, ''])),
  )
  const enough = candidates.find((values) => !faultsWith({ ...environment, ...values }).includes(fault))
  return setting(enough ?? { [first]: '' })
}

function faultsWith(environment: Environment): readonly string[] {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  try {
    const { environment: complete, faults } = withSecrets(set)
    configOf(complete, faults, pipelineNames)
    return []
  } catch (error) {
    if (error instanceof ConfigFault) return error.faults
    throw error
  }
}

/** Perhaps a slip of the pen: then it is renamed where it stands. Else it goes. */
function unknownFinding(text: string, { envFile, own }: Surroundings): Finding {
  const [wrong = ''] = text.match(variable) ?? []
  const meant = nearest(wrong)
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  const inShell = meant === undefined ? `unset ${wrong}` : `export ${meant}="$${wrong}"; unset ${wrong}`
  const change = meant === undefined ? `/${wrong} *=/d` : `s/${wrong} *=/${meant}=/`
  const isOwn = own[wrong] !== undefined || envFile === undefined
  const command = isOwn ? inShell : `sed -i.bak '${change}' ${shellWord(envFile)}`
  return warning('unknown variable', `${text}${hint}`, shell(command))
}

/** As many letters may differ. */
const mostSlips = 3

function nearest(wrong: string): string | undefined {
  const known = Object.keys(spec).map((one) => ({ one, slips: slipsBetween(wrong, one) }))
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
