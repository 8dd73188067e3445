import { isDeepStrictEqual } from 'node:util'
import type { CommandLine, Config } from '#config/config.ts'
import { configOf, sourcesOf } from '#config/config.ts'
import type { Environment, Sources } from '#config/environment.ts'
import { processEnvironment } from '#config/environment.ts'
import { ConfigFault } from '#config/config-fault.ts'
import type { Conflict, Fault, Malformed, UnknownVariable, Unreadable } from '#config/fault.ts'
import { faultText } from '#config/fault-text.ts'
import { isSecret } from '#config/secrets.ts'
import { quoted } from '#config/shown.ts'
import type { Variable } from '#config/spec.ts'
import { rightValue, spec } from '#config/spec.ts'
import { pipelineOption } from '#config/unknown-pipeline.ts'
import { loadPipelines, pipelineNames } from '#connect/pipelines.ts'
import { explain } from '#connect/explain.ts'
import { optionOf } from '#connect/option-variables.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { Finding } from '#core/finding.ts'
import { failed, ok, warning } from '#core/finding.ts'
import type { Fix } from '#core/fix.ts'
import { remark, secret, setting, shell, shellWord } from '#core/fix.ts'
import type { LoadedPipeline } from '#core/pipeline.ts'
import type { ConfigOrigins } from './render-fixes.ts'

const name = 'configuration'

export interface ConfigReading {
  readonly findings: readonly Finding[]
  readonly origins: ConfigOrigins
  /** Undefined where it is wrong. */
  readonly usable: { readonly config: Config; readonly pipelines: readonly LoadedPipeline[] } | undefined
}

/** The configuration, or all that is wrong with it; and the names that are set and do nothing. */
export async function readConfig(options: CommandLine): Promise<ConfigReading> {
  const { envFile, pipeline: pipelines } = options
  const own = processEnvironment()
  let sources: Sources
  try {
    sources = sourcesOf(options)
  } catch (error) {
    const origins = { envFile, pipelines, own, environment: own }
    const sources = { environment: own, places: {}, faults: [] }
    const findings = faultsOf(error).map((fault) => finding(fault, sources, origins))
    return { findings, origins, usable: undefined }
  }
  const { environment, ...circumstances } = sources
  const origins = { envFile, pipelines, own, environment }
  const unknown = (warnings: readonly UnknownVariable[]) =>
    warnings.map((one) => unknownFinding(one, origins))
  try {
    const { config, warnings } = configOf(environment, { ...circumstances, pipelines: pipelineNames })
    const pipelines = await loadPipelines(config.pipelines, config.pubsub.projectId)
    const from = envFile === undefined ? 'from the environment' : `from the environment and ${envFile}`
    return {
      findings: [ok(name, `configuration is valid, ${from}`), ...unknown(warnings)],
      origins,
      usable: { config, pipelines },
    }
  } catch (error) {
    const findings =
      error instanceof ConfigurationError
        ? [failed('pipeline', explain(error), remark('correct the file, or name another pipeline'))]
        : faultsOf(error).map((fault) => finding(fault, sources, origins))
    const warnings = error instanceof ConfigFault ? error.warnings : []
    return { findings: [...findings, ...unknown(warnings)], origins, usable: undefined }
  }
}

const finding = (fault: Fault, sources: Sources, origins: ConfigOrigins) =>
  failed(name, faultText(fault), fixOf(fault, sources, origins))

/** @throws errors that are not faults of the configuration */
function faultsOf(error: unknown): readonly Fault[] {
  if (error instanceof ConfigFault) return error.faults
  throw error
}

function fixOf(fault: Fault, sources: Sources, origins: ConfigOrigins): Fix {
  switch (fault.kind) {
    case 'syntax':
      return remark(`change that line: ${fault.advice ?? faultText(fault)}`)
    case 'missing':
      return isSecret(fault.variable)
        ? secret(optionOf(fault.variable))
        : setting({ [optionOf(fault.variable)]: fault.example })
    case 'unreadable':
      return unreadableFix(fault, origins)
    case 'malformed':
      if (fault.variable === pipelineOption) return remark(`name others with ${pipelineOption}`)
      if (fault.belongsIn !== undefined) return shell(renamed(fault.variable, fault.belongsIn, origins))
      return isSecret(fault.variable) ? secret(optionOf(fault.variable)) : rightSetting(fault, [], sources)
    case 'conflict':
      return rightSetting(fault, fault.others, sources)
  }
}

function unreadableFix({ variable, code }: Unreadable, { envFile = '' }: ConfigOrigins): Fix {
  if (variable !== undefined) return secret(optionOf(variable.replace(/_FILE$/, '')))
  return code === 'ENOENT'
    ? remark(
        'check the path, or create the file: lines NAME=value, for the variables of docs/CONFIGURATION.md',
      )
    : remark(`make ${quoted(envFile)} a file of lines NAME=value, in UTF-8, that this user can read`)
}

/** The default or the example of the invalid variable; of related ones, too, where that is not enough. */
function rightSetting(
  fault: Malformed | Conflict,
  others: readonly string[],
  { environment, places }: Sources,
): Fix {
  const alone = rightValues([fault.variable])
  const isEnough = !isStill(fault, { ...environment, ...alone }, places)
  return settingOf(isEnough ? alone : rightValues([fault.variable, ...others]))
}

const rightValues = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, (isVariable(name) && rightValue(name)) || '']))

const settingOf = (values: Readonly<Record<string, string>>) =>
  setting(Object.fromEntries(Object.entries(values).map(([name, value]) => [optionOf(name), value])))

const isVariable = (name: string): name is Variable => Object.hasOwn(spec, name)

function isStill(fault: Fault, environment: Environment, places: Sources['places']): boolean {
  try {
    configOf(environment, { places, pipelines: pipelineNames })
    return false
  } catch (error) {
    return faultsOf(error).some((other) => isDeepStrictEqual(other, fault))
  }
}

/** A typing error is corrected where the variable stands; any other name is removed. */
function unknownFinding(unknown: UnknownVariable, origins: ConfigOrigins): Finding {
  const { variable, meant } = unknown
  const fix = /^\w+$/.test(variable)
    ? shell(renamed(variable, meant, origins))
    : remark('take it out of the environment')
  return warning('unknown variable', faultText(unknown), fix)
}

/** Gives a variable its right name where it stands; without one it is removed. */
function renamed(wrong: string, meant: string | undefined, { envFile, own }: ConfigOrigins): string {
  const inShell = meant === undefined ? `unset ${wrong}` : `export ${meant}="$${wrong}"; unset ${wrong}`
  const change = meant === undefined ? `/${wrong} *=/d` : `s/${wrong} *=/${meant}=/`
  const isOwn = own[wrong] !== undefined || envFile === undefined
  return isOwn ? inShell : `sed -i.bak '${change}' ${shellWord(envFile)}`
}
