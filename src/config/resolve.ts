import type { Environment } from './environment.ts'
import { present } from './environment.ts'
import { ConfigFault } from './config-fault.ts'
import type { Fault } from './fault.ts'
import { faultText } from './fault-text.ts'
import type { Secret } from './secrets.ts'
import { secretsIn } from './secrets.ts'
import type { UrlParts } from './urls.ts'
import { postgresParts, redisParts } from './urls.ts'

/** The environment as the specification reads it: secrets from their files, and connection URLs taken apart. */
export interface Resolved {
  readonly values: Environment
  /** How to get the secrets again, by the variables of the specification. */
  readonly secrets: ReadonlyMap<string, Secret>
  /** Variables whose value is that of a URL, each with the URL's variable. */
  readonly fromUrl: ReadonlyMap<string, string>
  /** Of these nothing is known, since there is something wrong with the URL that would say it. */
  readonly unknown: ReadonlySet<string>
  readonly faults: readonly Fault[]
}

interface UrlVariable {
  readonly name: string
  readonly password: string
  readonly parts: readonly string[]
  readonly partsOf: (text: string, name: string) => UrlParts
}

const ofGroup = (group: string, parts: string) => parts.split(' ').map((part) => `INGESTER_${group}_${part}`)

const urlVariables: readonly UrlVariable[] = [
  {
    name: 'INGESTER_POSTGRES_URL',
    password: 'INGESTER_POSTGRES_PASSWORD',
    parts: ofGroup('POSTGRES', 'HOST PORT USER PASSWORD DB SSL_MODE'),
    partsOf: postgresParts,
  },
  {
    name: 'INGESTER_REDIS_URL',
    password: 'INGESTER_REDIS_PASSWORD',
    parts: ofGroup('REDIS', 'ADDR PASSWORD DB TLS'),
    partsOf: redisParts,
  },
]

export function resolve(given: Environment): Resolved {
  const environment = present(Object.entries(given))
  const { secrets: ofVariables, values: secretValues, faults: ofSecrets } = secretsIn(environment)
  const values: Record<string, string | undefined> = { ...environment, ...secretValues }
  const secrets = new Map(ofVariables)
  const fromUrl = new Map<string, string>()
  const unknown = new Set<string>()
  const faults: Fault[] = [...ofSecrets]
  for (const { name, password, parts, partsOf } of urlVariables) {
    const url = ofVariables.get(name)
    const text = values[name]
    if (!url || text === undefined) continue
    const left = parts.filter((part) => values[part] === undefined)
    try {
      const said = text === '' ? undefined : partsOf(text, name)
      if (!said) for (const part of left) unknown.add(part)
      for (const part of left.filter((one) => said?.[one] !== undefined)) {
        values[part] = said?.[part]
        fromUrl.set(part, name)
      }
      if (fromUrl.has(password)) secrets.set(password, () => passwordIn(partsOf(url(), name), password, name))
    } catch (error) {
      if (!(error instanceof ConfigFault)) throw error
      faults.push(...error.faults)
      for (const part of left) unknown.add(part)
    }
  }
  const atRunTime = [...secrets].map(([name, secret]) => [name, () => plainly(secret)] as const)
  return { values, secrets: new Map(atRunTime), fromUrl, unknown, faults }
}

function passwordIn(parts: UrlParts, password: string, name: string): string {
  const found = parts[password]
  if (found !== undefined) return found
  throw new ConfigFault([{ kind: 'malformed', variable: name, rule: 'must still contain a password' }])
}

/** A secret that cannot be had while the program runs: perhaps its file is being replaced. */
class SecretUnavailable extends Error {
  readonly code = 'ERR_SECRET_UNAVAILABLE'
}

function plainly(secret: Secret): string {
  try {
    return secret()
  } catch (error) {
    if (error instanceof ConfigFault) throw new SecretUnavailable(error.faults.map(faultText).join(', '))
    throw error
  }
}
