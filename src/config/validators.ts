import { isIPv6 } from 'node:net'
import { makeValidator, str } from 'envalid'
import { isHost, isPlainText, isPostgresName, isProjectId, isResourceId, isSocketFolder } from './names.ts'
import { butNot, mayHoldSecretBesideAddress, quoted } from './shown.ts'
import { parseBytes, parseDuration, parseWhole, writeBytes, writeDuration } from './values.ts'

/** What a validator's specifications say of themselves, for the documentation. */
export interface InWords {
  /** What it lets through. */
  readonly allows: string
  /** A default, as people write it. */
  readonly write: (value: never) => string
}

function inWords<V extends (spec: never) => object>(
  allows: string,
  validator: V,
  write: InWords['write'] = String,
): V {
  return ((spec: never) => ({ ...validator(spec), allows, write })) as V
}

/** In ms, within bounds as people write them. Node's timers end at 596h, and fire at once beyond. */
export function duration(least = '0s', most = '500h') {
  const validator = makeValidator((input: string) => {
    const ms = parseDuration(input)
    if (ms >= parseDuration(least) && ms <= parseDuration(most)) return ms
    throw new Error(`must be a duration from ${least} to ${most}${butNot(input)}`)
  })
  return inWords(`${least} to ${most}`, validator, writeDuration)
}

const size = makeValidator((input: string) => {
  const bytes = parseBytes(input)
  if (bytes > 0) return bytes
  throw new Error(`must be more than 0${butNot(input)}`)
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
  throw new Error(`must be true or false${butNot(input)}`)
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
  throw new Error(
    `must be host:port, for instance localhost:6379 or [::1]:6379${butNot(input, mayHoldSecretBesideAddress)}`,
  )
})
/** `host:port`; an IPv6 address in brackets. */
export const address = inWords('host:port, [IPv6]:port', hostAndPort, writeAddress)

/** Google's own clients take a scheme, too; an emulator speaks no TLS. */
const emulator = makeValidator((input: string): string => {
  const parsed = parseAddress(input.replace(/^http:\/\//i, ''))
  if (parsed) return writeAddress(parsed)
  throw new Error(`must be host:port, for example 127.0.0.1:8085 or [::1]:8085, ${faultOf(input)}`)
})
/** Where an emulator listens, as `host:port` whichever way it was written. */
export const emulatorAddress = inWords('host:port, [IPv6]:port, perhaps after http://', emulator)

function parseAddress(input: string): Address | undefined {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(input) ?? []
  const host = bracketed !== undefined && isIPv6(bracketed) ? bracketed : plain
  const port = Number(digits)
  return host !== undefined && isHost(host) && port >= 1 && port <= 65_535 ? { host, port } : undefined
}

function writeAddress({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** What is wrong with an emulator's address. Behind one of these marks there may be a secret, which is not repeated. */
function faultOf(input: string): string {
  const rest = input.replace(/^http:\/\//i, '')
  if (/^https:\/\//i.test(rest)) return 'not https://: emulators speak no TLS'
  if (rest.includes('/') || mayHoldSecretBesideAddress(rest))
    return 'without user, password, path or any scheme but http://'
  const value = `not ${quoted(input)}`
  if (/\s/.test(input)) return `${value}: it has blanks in it`
  if (rest.split(':').length > 2 && !rest.startsWith('[')) return `${value}: an IPv6 address needs brackets`
  return /:\d+$/.test(rest) ? value : `${value}: the port is missing`
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]) {
  const validator = makeValidator((input: string): T => {
    const word = words.find((one) => one === input)
    if (word !== undefined) return word
    throw new Error(`must be one of ${words.join(', ')}${butNot(input)}`)
  })
  return inWords(words.join(', ').replace(/, ([^,]+)$/, ' or $1'), validator)
}

/** Text of which a rule says whether it is right, and words what is. */
function textThat(isRight: (text: string) => boolean, allows: string) {
  const validator = makeValidator((input: string) => {
    if (isRight(input)) return input
    throw new Error(`must be ${allows}${butNot(input)}`)
  })
  return inWords(allows, validator)
}

const plainText = 'without surrounding blanks or invisible characters'

/** The name of something of ours. */
export const text = textThat(isPlainText, `text ${plainText}`)

export const host = textThat(isHost, 'the name or the address of a host, alone')

/** The database's, which may be on this machine and have no port. */
export const hostOrSocket = textThat(
  (text) => isHost(text) || isSocketFolder(text),
  'the name or the address of a host, alone, or the folder of a Unix socket',
)

export const postgresName = textThat(
  isPostgresName,
  `a name of 1 to 63 bytes without a colon, surrounding blanks or invisible characters`,
)

export const projectId = textThat(isProjectId, "a project's id or number, alone")

/** Anything, as it is. */
export const verbatim = inWords('text', str)

/** The id of a topic or subscription. */
export const resourceId = textThat(
  isResourceId,
  'an id of 3 to 255 letters, digits and -_.~+% that begins with a letter, and not with goog',
)
