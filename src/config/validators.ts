import { isIPv6 } from 'node:net'
import { makeValidator } from 'envalid'
import { parseBytes, parseDuration, parseWhole } from './values.ts'

/** In ms, within bounds as people write them. Node's timers end at 596h, and fire at once beyond. */
export function duration(least = '0s', most = '500h') {
  return makeValidator((input: string) => {
    const ms = parseDuration(input)
    if (ms >= parseDuration(least) && ms <= parseDuration(most)) return ms
    throw new Error(`must be a duration from ${least} to ${most}, not "${input}"`)
  })
}

/** In bytes; at least one. */
export const bytes = makeValidator((input: string) => {
  const size = parseBytes(input)
  if (size > 0) return size
  throw new Error(`must be more than 0, not "${input}"`)
})

/** A whole number within bounds. */
export function count(least: number, most: number) {
  return makeValidator((input: string) => parseWhole(input, least, most))
}

/** `true` or `false`. */
export const flag = makeValidator((input: string) => {
  if (input === 'true' || input === 'false') return input === 'true'
  throw new Error(`must be true or false, not "${input}"`)
})

/** `host:port`; an IPv6 address in brackets. */
export const address = makeValidator((input: string) => {
  const [, bracketed, plain, port = ''] = /^(?:\[([^[\]]+)\]|([^:[\]\s/]+)):(\d+)$/.exec(input) ?? []
  const host = bracketed !== undefined && isIPv6(bracketed) ? bracketed : plain
  if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) return { host, port: Number(port) }
  // A URL may have a password in it, which must not get into a log.
  const found = /[@/]/.test(input)
    ? 'a URL: user, password and database have variables of their own'
    : `"${input}"`
  throw new Error(`must be host:port, for instance localhost:6379 or [::1]:6379, not ${found}`)
})

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]) {
  return makeValidator((input: string): T => {
    const word = words.find((one) => one === input)
    if (word !== undefined) return word
    throw new Error(`must be one of ${words.join(', ')}, not "${input}"`)
  })
}

/** Anything but nothing. */
export const text = makeValidator((input: string) => {
  if (input.trim() !== '') return input
  throw new Error('must not be empty')
})

/** The id of a topic or subscription. https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names */
export const resourceId = makeValidator((input: string) => {
  if (/^[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}$/.test(input)) return input
  throw new Error(
    `must be an id of 3 to 255 letters, digits and -_.~+% that begins with a letter, not "${input}"`,
  )
})
