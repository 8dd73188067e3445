import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigFault } from './fault.ts'

/** Names and values as they came. */
export type Environment = Readonly<Record<string, string | undefined>>

/** These may also be given as the path of a file that holds them, in `NAME_FILE`. */
const secrets = ['INGESTER_POSTGRES_PASSWORD', 'INGESTER_REDIS_PASSWORD']
export const secretFiles: readonly string[] = secrets.map((name) => `${name}_FILE`)

/**
 * The process's environment over that of an env file, with secrets read from their files. Empty values count as
 * absent: compose files pass them for variables that are not set.
 *
 * @throws ConfigFault where a file cannot be read
 */
export function readEnvironment(envFile: string | undefined): Environment {
  const { environment, faults } = tryEnvironment(envFile)
  if (faults.length > 0) throw new ConfigFault(faults)
  return environment
}

interface Reading {
  readonly environment: Environment
  readonly faults: readonly string[]
}

/**
 * As {@link readEnvironment}, with what is wrong about secrets beside it, to be told together with other faults.
 *
 * @throws ConfigFault where the env file cannot be read
 */
export function tryEnvironment(envFile: string | undefined): Reading {
  const fromFile = envFile === undefined ? {} : parseEnv(readText(envFile, 'the env file'))
  return withSecrets({ ...present(fromFile), ...present(process.env) })
}

function present(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
}

function withSecrets(environment: Environment): Reading {
  const faults: string[] = []
  const read: Record<string, string> = {}
  for (const name of secrets) {
    try {
      const secret = secretOf(name, environment)
      if (secret !== undefined) read[name] = secret
    } catch (error) {
      if (!(error instanceof ConfigFault)) throw error
      faults.push(...error.faults)
      // There, so that it is not missed as well.
      read[name] = ''
    }
  }
  return { environment: { ...environment, ...read }, faults }
}

function secretOf(name: string, environment: Environment): string | undefined {
  const path = environment[`${name}_FILE`]
  if (path === undefined) return undefined
  if (environment[name] !== undefined) {
    throw new ConfigFault([`${name} and ${name}_FILE are both set; keep one of them`])
  }
  const secret = readText(path, `${name}_FILE`).replace(/\r?\n$/, '')
  if (secret === '') throw new ConfigFault([`${name}_FILE ${path} is empty; it must hold the secret`])
  return secret
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ConfigFault([`${what} ${path} cannot be read: ${why}`])
  }
}
