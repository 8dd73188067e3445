import { isIPv4, isIPv6 } from 'node:net'

/**
 * The one spelling of an IP address that becomes part of a key, or undefined where the text is none. IPv6 is
 * shortened as RFC 5952 says; one that maps an IPv4 address (`::ffff:0:0/96`, RFC 4291 section 2.5.5.2) is that address,
 * since a dual-stack socket names its IPv4 peers so. Other embeddings (`::1.2.3.4`, `64:ff9b::/96`, 6to4) are reached in
 * another way and stay what they are. Zone ids, prefix lengths, brackets and leading zeros in IPv4 are no addresses here:
 * PostgreSQL would accept some of them as another value.
 */
export function canonicalIp(text: string): string | undefined {
  // Node's parser refuses leading zeros, so an IPv4 address has one spelling.
  if (isIPv4(text)) return text
  if (!isIPv6(text) || text.includes('%')) return undefined
  const ipv6 = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(ipv6) ?? []
  return high === undefined || low === undefined ? ipv6 : dotted(high, low)
}

/** Two groups of an IPv6 address as the four numbers of an IPv4 address. */
function dotted(...groups: readonly [high: string, low: string]): string {
  return groups
    .flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
    .join('.')
}
