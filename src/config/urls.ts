import { present } from './environment.ts'
import { ConfigFault } from './config-fault.ts'
import { writeAddress } from './validators.ts'

/** A variable of the spec, by the part of a URL that replaces it. */
export type UrlParts = Readonly<Record<string, string>>

/** Query parameters that libpq and clients of Redis know: their names are no secrets. */
const knownParameters = new Set(
  `application_name channel_binding client_encoding connect_timeout db dbname family gssencmode host hostaddr
  keepalives options password passfile port protocol replication require_auth search_path service schema ssl sslcert
  sslcompression sslcrl sslkey sslmode sslnegotiation sslpassword sslrootcert statement_timeout
  target_session_attrs timeout tls user username`.split(/\s+/),
)

/**
 * `postgres://user:password@host:port/database?sslmode=verify-full`; what is left out, is left to the other variables.
 *
 * @throws ConfigFault that repeats nothing of it
 */
export function postgresParts(text: string, name: string): UrlParts {
  const url = parsed(text, name, ['postgres:', 'postgresql:'])
  const parameters = parametersOf(url, name, ['sslmode'])
  return present(
    Object.entries({
      INGESTER_POSTGRES_HOST: hostOf(url, name),
      INGESTER_POSTGRES_PORT: url.port,
      INGESTER_POSTGRES_USER: decoded(url.username, name, 'user'),
      INGESTER_POSTGRES_PASSWORD: decoded(url.password, name, 'password'),
      INGESTER_POSTGRES_DB: databaseOf(url, name),
      INGESTER_POSTGRES_SSL_MODE: parameters.get('sslmode') ?? '',
    }),
  )
}

/**
 * `redis://:password@host:port/database`, or `rediss://` for TLS.
 *
 * @throws ConfigFault that repeats nothing of it
 */
export function redisParts(text: string, name: string): UrlParts {
  const url = parsed(text, name, ['redis:', 'rediss:'])
  parametersOf(url, name, [])
  const user = decoded(url.username, name, 'user')
  if (user !== '' && user !== 'default') {
    const advice = `write ${url.protocol}//:password@host: a password alone follows a colon`
    throw malformed(name, 'its user must be "default", or left out', advice)
  }
  const host = hostOf(url, name)
  return present(
    Object.entries({
      INGESTER_REDIS_ADDR: writeAddress({ host, port: Number(url.port || 6379) }),
      INGESTER_REDIS_PASSWORD: decoded(url.password, name, 'password'),
      INGESTER_REDIS_DB: databaseOf(url, name),
      INGESTER_REDIS_TLS: String(url.protocol === 'rediss:'),
    }),
  )
}

const inPercent = 'in user and password % is written %25, and : / ? # @ [ ] as %3A %2F %3F %23 %40 %5B %5D'

function parsed(text: string, name: string, schemes: readonly string[]): URL {
  const form = `${schemes.join('// or ')}//user:password@host:port/database`
  // The parser would drop blanks and ends of lines without a word.
  const url = /[\s\p{C}]/u.test(text) ? null : URL.parse(text)
  if (!url || !schemes.includes(url.protocol) || !text.slice(url.protocol.length).startsWith('//')) {
    throw malformed(name, `must be ${form}`, inPercent)
  }
  if (url.hash !== '' || text.endsWith('#')) throw malformed(name, 'must have no #', inPercent)
  return url
}

function hostOf({ hostname }: URL, name: string): string {
  if (/^%2f/i.test(hostname)) {
    const advice = 'set INGESTER_POSTGRES_HOST to the folder of the socket'
    throw malformed(name, 'must not name a Unix socket', advice)
  }
  if (hostname === '') throw malformed(name, 'must name a host after // or @')
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

function databaseOf({ pathname }: URL, name: string): string {
  const path = pathname.slice(1)
  if (path.includes('/')) throw malformed(name, 'must have one / after the host, followed by the database')
  return decoded(path, name, 'database')
}

function decoded(text: string, name: string, what: string): string {
  const value = decodedOrNone(text)
  if (value === undefined) throw malformed(name, `its ${what} is not valid percent-encoding`, inPercent)
  if (!/\p{Cc}/u.test(value)) return value
  const rule = `its ${what} contains a control character, perhaps a line ending`
  throw malformed(name, rule, 'remove it')
}

function decodedOrNone(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function malformed(variable: string, rule: string, advice?: string): ConfigFault {
  return new ConfigFault([{ kind: 'malformed', variable, rule, advice }])
}

/** What would be ignored is refused: it was meant to do something. */
function parametersOf(
  { searchParams }: URL,
  name: string,
  allowed: readonly string[],
): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (const [key, value] of searchParams) {
    const only = allowed.length > 0 ? `only ${allowed.join(', ')} is allowed` : 'none is allowed'
    const rule = knownParameters.has(key)
      ? `must not have the parameter ${key}`
      : 'contains an unknown parameter'
    if (!allowed.includes(key)) throw malformed(name, rule, only)
    if (parameters.has(key)) throw malformed(name, `must not repeat ${key}`)
    parameters.set(key, value)
  }
  return parameters
}
