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
  'INGESTER_GATEWAY_TOKENS',
]
/** Of these there may be several, one a line. */
const severalIn = 'INGESTER_GATEWAY_TOKENS'
const leastTokenLength = 16
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
  if (path === undefined)
    return value === undefined ? undefined : () => checked(name, value, { variable: name })
  return () => {
    if (value !== undefined) throw new ConfigFault([setTwice(name)])
    const subject = { variable: `${name}_FILE`, ...(isPlainPath(path) ? { path } : {}) }
    const secret = readTextFile(path, subject).replace(/\r?\n$/, '')
    if (secret !== '') return checked(name, secret, subject)
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

interface Subject {
  readonly variable: string
  readonly path?: string
}

function checked(name: string, secret: string, subject: Subject): string {
  if (name === severalIn) return checkedTokens(secret, subject)
  // A password with a control character in it is one that was copied with the end of its line.
  if (!/\p{Cc}/u.test(secret)) return secret
  const found = /[\r\n]/.test(secret) ? 'a line ending' : 'a control character'
  throw wrong(subject, `contains ${found}, which is not part of a secret`, 'remove it')
}

/** Tokens are sent in a header, and can be guessed by anyone who can send requests. */
function checkedTokens(text: string, subject: Subject): string {
  const lines = text.split('\n').map((line) => line.trim())
  for (const [at, token] of lines.entries()) {
    if (token === '') continue
    const where = lines.length > 1 ? ` (line ${at + 1})` : ''
    if (!/^[!-~]+$/.test(token))
      throw wrong(
        subject,
        `has a token with a blank or a character outside of ASCII${where}`,
        'put one token in a line',
      )
    if (token.length < leastTokenLength)
      throw wrong(
        subject,
        `has a token of fewer than ${leastTokenLength} characters${where}`,
        'make one with: openssl rand -hex 32',
      )
  }
  if (lines.every((token) => token === ''))
    throw wrong(subject, 'has no token', 'put one in each line, or unset it')
  return text
}

const wrong = (subject: Subject, problem: string, advice: string) =>
  new ConfigFault([{ kind: 'unreadable', ...subject, problem, advice }])

/** Some put the secret itself where its path belongs: what does not look like a path is not repeated. */
export function isPlainPath(path: string): boolean {
  return /^\.{0,2}\/[^/]/.test(path) && !looksLikeUrl(path) && !hasInvisible(path)
}
