import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigFault } from './fault.ts'

/** Names and values as they came. */
export type Environment = Readonly<Record<string, string | undefined>>

/** These may also be given as the path of a file that holds them, in `NAME_FILE`. */
const secrets = ['INGESTER_POSTGRES_PASSWORD', 'INGESTER_REDIS_PASSWORD']
export const secretFiles: readonly string[] = secrets.map((name) => `${name}_FILE`)

/**
 * The process's environment over that of an env file. Empty values count as absent: compose files pass them for
 * variables that are not set.
 *
 * @throws ConfigFault where the file cannot be read
 */
export function readEnvironment(envFile: string | undefined): Environment {
  const fromFile = envFile === undefined ? {} : parseEnv(readText(envFile, 'the env file'))
  return { ...present(fromFile), ...present(process.env) }
}

interface Reading {
  readonly environment: Environment
  readonly faults: readonly string[]
}

function present(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
}

/** Reads these secrets from their files. What is wrong about them is told together with other faults. */
export function withSecrets(environment: Environment, names: readonly string[] = secrets): Reading {
  const faults: string[] = []
  const read: Record<string, string> = {}
  for (const name of names) {
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
