import { isIPv6 } from 'node:net'

/** What a reader cannot see or takes for something else: controls, formats, line ends, blanks that are no space. */
const invisible = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u
const allInvisible = new RegExp(invisible, 'gu')

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

export const hasInvisible = (text: string): boolean => invisible.test(text)

/** A value in a message: in quotes, with escapes in place of all that cannot be seen. */
export function quoted(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\$&').replace(allInvisible, (one) => {
    return short[one] ?? `\\u{${(one.codePointAt(0) as number).toString(16)}}`
  })
  return `"${escaped}"`
}

const scheme = /[a-z][a-z0-9+.-]*:\/\/|^\/\/|^(?:jdbc|postgres(?:ql)?|rediss?):(?!\d+$)/i
const credentials = /:[^@]*@|\b(?:password|passwd|pwd|user|host|dbname|sslmode)\s*=/i

/** Whether a value is a URL or a connection string, perhaps in percent-encoding. */
export function looksLikeUrl(text: string): boolean {
  const plain = decoded(text)
  return scheme.test(plain) || credentials.test(plain)
}

/** ASCII alone, however often it was encoded: whatever else is in it separates nothing. */
function decoded(text: string): string {
  const once = text.replace(/%([2-7][0-9a-f])/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return once === text ? text : decoded(once)
}

/** Whether there is a mark in it of a URL, or of another text of which a password is a part, such as a line of .pgpass. */
export function mayHoldSecret(text: string): boolean {
  return hasMarkOfSecret(text) || (text.includes(':') && !isIPv6(bare(text)))
}

/** A host and its port, valid or not, possibly without one of the two. */
const hostAndPort = /^(?:\[[\w.-]*\]|\[[\da-f:.]*\]|[\w.-]*):-?\d{0,5}$/i

/** As {@link mayHoldSecret}, of what should be an address, in which a colon belongs. */
export function mayHoldSecretBesideAddress(text: string): boolean {
  const plain = bare(text)
  return hasMarkOfSecret(text) || (plain.includes(':') && !isIPv6(plain) && !hostAndPort.test(plain))
}

function hasMarkOfSecret(text: string): boolean {
  return looksLikeUrl(text) || /[@?#=&]|%[2-7][0-9a-f]/i.test(text)
}

/** Without blanks or quotes around it, or the brackets of an IPv6 address. */
function bare(text: string): string {
  return text.replace(/^["'`\s]+|["'`\s]+$/g, '').replace(/^\[([\da-f:.]*)\]$/i, '$1')
}

/** Longer values are not typos; some are tokens. */
const maxShownLength = 63

/** What may be said of a wrong value. What may hold a secret is not repeated: messages end up in logs. */
export type ShownValue =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'long'; readonly length: number }
  | { readonly kind: 'suspect' }
  | { readonly kind: 'url' }

export function shownValue(value: string, isSuspect: (text: string) => boolean = mayHoldSecret): ShownValue {
  if (isSuspect(value)) return { kind: 'suspect' }
  const { length } = value
  return length > maxShownLength ? { kind: 'long', length } : { kind: 'text', text: value }
}

/** The end of a sentence that says what a value must be: the value, and a likely reason. */
export function butNot(value: ShownValue): string {
  switch (value.kind) {
    case 'suspect':
      return '; what is set is not repeated here, since it may hold a password'
    case 'url':
      return ', not a URL or a connection string, which is not repeated here'
    case 'long':
      return `, not a text of ${value.length} characters`
    case 'text': {
      const isInQuotes = /^(["'`]).*\1$/s.test(value.text)
      const hint = '; leave out the quotes, which a shell removes but `docker run --env-file` does not'
      return `, not ${quoted(value.text)}${isInQuotes ? hint : ''}`
    }
  }
}
