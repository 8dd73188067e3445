import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigFault } from './fault.ts'

/** Names and values as they came. */
export type Environment = Readonly<Record<string, string | undefined>>

/** These may also be given as the path of a file that holds them, in `NAME_FILE`. */
const secrets = ['INGESTER_POSTGRES_PASSWORD']
export const secretFiles: readonly string[] = secrets.map((name) => `${name}_FILE`)

/**
 * The process's environment over that of an env file, with secrets read from their files. Empty values count as
 * absent: compose files pass them for variables that are not set.
 *
 * @throws ConfigFault where a file cannot be read
 */
export function readEnvironment(envFile: string | undefined): Environment {
  const fromFile = envFile === undefined ? {} : parseEnv(readText(envFile, 'the env file'))
  const given = Object.entries({ ...fromFile, ...process.env }).filter(([, value]) => value !== '')
  return withSecrets(Object.fromEntries(given))
}

function withSecrets(environment: Environment): Environment {
  const read = secrets.flatMap((name) => {
    const path = environment[`${name}_FILE`]
    if (path === undefined) return []
    if (environment[name] !== undefined) {
      throw new ConfigFault([`${name} and ${name}_FILE are both set; keep one of them`])
    }
    return [[name, readText(path, `${name}_FILE`).replace(/\r?\n$/, '')]]
  })
  return { ...environment, ...Object.fromEntries(read) }
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ConfigFault([`${what} ${path} cannot be read: ${why}`])
  }
}
