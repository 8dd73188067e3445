import { isIP, isIPv6 } from 'node:net'
import { makeValidator, str } from 'envalid'
import { isHost, isPlainText, isPostgresName, isProjectId, isResourceId, isSocketFolder } from './names.ts'
import { mayHoldSecretBesideAddress, shownValue } from './shown.ts'
import {
  InvalidValue,
  parseBytes,
  parseDuration,
  parseRateLimit,
  parseWhole,
  writeBytes,
  writeDuration,
  writeRateLimit,
} from './values.ts'

/** What a validator's specifications say of themselves, for the documentation. */
export interface InWords {
  /** What it lets through. */
  readonly allows: string
  /** A default, as users write it. */
  readonly write: (value: never) => string
}

function inWords<V extends (spec: never) => object>(
  allows: string,
  validator: V,
  write: InWords['write'] = String,
): V {
  return ((spec: never) => ({ ...validator(spec), allows, write })) as V
}

/** In ms, within limits as users write them. Node's timers end at 596h, and fire at once beyond. */
export function duration(least = '0s', most = '500h') {
  const validator = makeValidator((input: string) => {
    const ms = parseDuration(input)
    if (ms >= parseDuration(least) && ms <= parseDuration(most)) return ms
    throw new InvalidValue(`must be a duration from ${least} to ${most}`, shownValue(input))
  })
  return inWords(`${least} to ${most}`, validator, writeDuration)
}

const size = makeValidator((input: string) => {
  const bytes = parseBytes(input)
  if (bytes > 0) return bytes
  throw new InvalidValue(`must be more than 0`, shownValue(input))
})
/** In bytes; at least one. */
export const bytes = inWords('more than 0', size, writeBytes)

/** A whole number within bounds. */
export function count(least: number, most: number) {
  const validator = makeValidator((input: string) => parseWhole(input, least, most))
  return inWords(`${least} to ${most}`, validator)
}

const trueOrFalse = makeValidator((input: string) => {
  if (input === 'true' || input === 'false') return input === 'true'
  throw new InvalidValue(`must be true or false`, shownValue(input))
})
/** `true` or `false`. */
export const flag = inWords('true or false', trueOrFalse)

export interface Address {
  readonly host: string
  readonly port: number
}

const hostAndPort = makeValidator((input: string): Address => {
  const parsed = parseAddress(input)
  if (parsed) return parsed
  const rule = 'must be host:port, for example localhost:6379 or [::1]:6379'
  throw new InvalidValue(rule, shownValue(input, mayHoldSecretBesideAddress))
})
/** `host:port`; an IPv6 address in brackets. */
export const address = inWords('host:port, [IPv6]:port', hostAndPort, writeAddress)

/** Google's own clients take a scheme, too; an emulator speaks no TLS. */
const emulator = makeValidator((input: string): string => {
  const parsed = parseAddress(input.replace(/^http:\/\//i, ''))
  if (parsed) return writeAddress(parsed)
  throw invalidEmulator(input)
})
/** Where an emulator listens, as `host:port` whichever way it was written. */
export const emulatorAddress = inWords('host:port or [IPv6]:port, optionally after http://', emulator)

function parseAddress(input: string): Address | undefined {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(input) ?? []
  const host = bracketed !== undefined && isIPv6(bracketed) ? bracketed : plain
  const port = Number(digits)
  return host !== undefined && isHost(host) && port >= 1 && port <= 65_535 ? { host, port } : undefined
}

export function writeAddress({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** Behind one of these marks there may be a secret, which is not repeated. */
function invalidEmulator(input: string): InvalidValue {
  const rule = 'must be host:port, for example 127.0.0.1:8085 or [::1]:8085'
  const rest = input.replace(/^http:\/\//i, '')
  if (/^https:\/\//i.test(rest)) return new InvalidValue(`${rule}, not https://: emulators speak no TLS`)
  if (rest.includes('/') || mayHoldSecretBesideAddress(rest))
    return new InvalidValue(`${rule}, without user, password, path or any scheme but http://`)
  return new InvalidValue(rule, { kind: 'text', text: input }, whyNoAddress(input, rest))
}

function whyNoAddress(input: string, rest: string): string | undefined {
  if (/\s/.test(input)) return 'it contains blanks'
  if (rest.split(':').length > 2 && !rest.startsWith('[')) return 'an IPv6 address needs brackets'
  return /:\d+$/.test(rest) ? undefined : 'the port is missing'
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]) {
  const validator = makeValidator((input: string): T => {
    const word = words.find((one) => one === input)
    if (word !== undefined) return word
    throw new InvalidValue(`must be one of ${words.join(', ')}`, shownValue(input))
  })
  return inWords(words.join(', ').replace(/, ([^,]+)$/, ' or $1'), validator)
}

/** Text that a rule checks; the rule also says in words what is valid. */
function textThat(isRight: (text: string) => boolean, allows: string) {
  const validator = makeValidator((input: string) => {
    if (isRight(input)) return input
    throw new InvalidValue(`must be ${allows}`, shownValue(input))
  })
  return inWords(allows, validator)
}

const plainText = 'without surrounding blanks or invisible characters'

/** The name of something of ours. */
export const text = textThat(isPlainText, `text ${plainText}`)

const separated = makeValidator((input: string): readonly string[] => {
  const names = input.split(',').map((name) => name.trim())
  if (names.every(isPlainText) && new Set(names).size === names.length) return names
  throw new InvalidValue('must be different names or paths, separated by commas', shownValue(input))
})
/** Some of {@link text}, separated by commas. */
export const texts = inWords('names or paths, separated by commas', separated, (names: readonly string[]) =>
  names.join(','),
)

const limitOrOff = makeValidator((input: string) => parseRateLimit(input))
/** So many in a second or a minute. */
export const rateLimit = inWords('`N/s`, `N/m` or off', limitOrOff, writeRateLimit)

const separatedNetworks = makeValidator((input: string): readonly string[] => {
  const listed = input.split(',').map((one) => one.trim())
  const wrong = listed.find((one) => !isNetwork(one))
  if (wrong === undefined) return listed
  const rule = 'must be addresses or networks such as 10.0.0.7 or 10.0.0.0/8, separated by commas'
  throw new InvalidValue(rule, shownValue(wrong, mayHoldSecretBesideAddress))
})
/** IP addresses, and networks as an address and the length of its prefix. */
export const networks = inWords('addresses and networks, separated by commas', separatedNetworks)

function isNetwork(text: string): boolean {
  const [, address = '', , length] = /^([^/]*)(\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && (length === undefined || Number(length) <= (version === 4 ? 32 : 128))
}

export const host = textThat(isHost, 'only a host name or IP address')

/** The database's, which may be on this machine and have no port. */
export const hostOrSocket = textThat(
  (text) => isHost(text) || isSocketFolder(text),
  'only a host name or IP address, or the directory of a Unix socket',
)

export const postgresName = textThat(
  isPostgresName,
  `a name of 1 to 63 bytes without a colon, surrounding blanks or invisible characters`,
)

export const projectId = textThat(isProjectId, 'only a project id or number')

/** Anything, as it is. */
export const verbatim = inWords('text', str)

/** The id of a topic or subscription. */
export const resourceId = textThat(
  isResourceId,
  'an id of 3 to 255 letters, digits and -_.~+% that begins with a letter, but not with goog',
)
