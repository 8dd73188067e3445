import type { Environment } from './environment.ts'
import { ConfigFault } from './config-fault.ts'
import type { Fault } from './fault.ts'
import { hasInvisible, looksLikeUrl } from './shown.ts'
import { readTextFile } from './text-file.ts'

/**
 * Returns the current value; a secret in a file may change while the program runs. A function, so that nothing prints
 * it by mistake.
 *
 * @throws Error where its file cannot be read, or has none in it
 */
export type Secret = () => string

/** These may also be given as the path of a file that holds them, in `NAME_FILE`. */
const names: readonly string[] = [
  'INGESTER_POSTGRES_URL',
  'INGESTER_POSTGRES_PASSWORD',
  'INGESTER_REDIS_URL',
  'INGESTER_REDIS_PASSWORD',
]
export const secretFiles: readonly string[] = names.map((name) => `${name}_FILE`)

export const isSecret = (name: string): boolean => names.includes(name)

/** How to get each secret that is set, by its variable; its value now; and what is wrong with it. */
export function secretsIn(environment: Environment): {
  readonly secrets: ReadonlyMap<string, Secret>
  readonly values: Environment
  readonly faults: readonly Fault[]
} {
  const secrets = new Map<string, Secret>()
  const values: Record<string, string> = {}
  const faults: Fault[] = []
  for (const name of names) {
    const secret = secretOf(name, environment)
    if (!secret) continue
    secrets.set(name, secret)
    try {
      values[name] = secret()
    } catch (error) {
      if (!(error instanceof ConfigFault)) throw error
      faults.push(...error.faults)
      // Set, so that it is not reported as missing as well.
      values[name] = ''
    }
  }
  return { secrets, values, faults }
}

function secretOf(name: string, environment: Environment): Secret | undefined {
  const value = environment[name]
  const path = environment[`${name}_FILE`]
  if (path === undefined) return value === undefined ? undefined : () => checked(value, { variable: name })
  return () => {
    if (value !== undefined) throw new ConfigFault([setTwice(name)])
    const subject = { variable: `${name}_FILE`, ...(isPlainPath(path) ? { path } : {}) }
    const secret = readTextFile(path, subject).replace(/\r?\n$/, '')
    if (secret !== '') return checked(secret, subject)
    const advice = 'it must hold the secret'
    throw new ConfigFault([{ kind: 'unreadable', ...subject, problem: 'is empty', advice }])
  }
}

const setTwice = (name: string): Fault => ({
  kind: 'conflict',
  variable: name,
  others: [`${name}_FILE`],
  rule: `and ${name}_FILE are both set`,
  advice: 'keep one of them',
})

/** A password with a control character in it is one that was copied with the end of its line. */
function checked(secret: string, subject: { readonly variable: string; readonly path?: string }): string {
  if (!/\p{Cc}/u.test(secret)) return secret
  const found = /[\r\n]/.test(secret) ? 'a line ending' : 'a control character'
  const problem = `contains ${found}, which is not part of a secret`
  throw new ConfigFault([{ kind: 'unreadable', ...subject, problem, advice: 'remove it' }])
}

/** Some put the secret itself where its path belongs: what does not look like a path is not repeated. */
export function isPlainPath(path: string): boolean {
  return /^\.{0,2}\/[^/]/.test(path) && !looksLikeUrl(path) && !hasInvisible(path)
}
