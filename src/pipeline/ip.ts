import { isIPv4, isIPv6 } from 'node:net'

/**
 * The one spelling of an IP address that becomes part of a key, or undefined where the text is none. IPv6 is
 * shortened as RFC 5952 says. Zone ids, prefix lengths, brackets and leading zeros in IPv4 are no addresses here:
 * PostgreSQL would accept some of them as another value.
 */
export function canonicalIp(text: string): string | undefined {
  // Node's parser refuses leading zeros, so an IPv4 address has one spelling.
  if (isIPv4(text)) return text
  if (!isIPv6(text) || text.includes('%')) return undefined
  return new URL(`http://[${text}]`).hostname.slice(1, -1)
}
