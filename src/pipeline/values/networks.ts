import { isIPv4 } from 'node:net'
import { canonicalIp } from '../ip.ts'
import type { Encode } from './value-codec.ts'
import { ValueFault, badValue, wrongKind } from './value-codec.ts'

interface Network {
  /** In its canonical spelling, see {@link canonicalIp}. */
  readonly address: string
  readonly prefix: number
  /** Of the address: 32 or 128. */
  readonly bits: number
}

/** An address alone is the same as one with the whole length for its prefix. */
export const encodeInet: Encode = (value) => {
  // Most are, and Node's parser takes one spelling of each.
  if (typeof value === 'string' && isIPv4(value)) return value
  const network = networkOf(value)
  if (network === undefined) return notAnAddress(value, 'an IP address, or one with a prefix length')
  const { address, prefix, bits } = network
  return prefix === bits ? address : `${address}/${prefix}`
}

/** As PostgreSQL shows it: always with a prefix length. */
export const encodeCidr: Encode = (value) => {
  const network = networkOf(value)
  if (network === undefined) return notAnAddress(value, 'an IP network')
  if (hasHostBits(network)) return new ValueFault('bad-value', 'has bits set to the right of its prefix')
  return `${network.address}/${network.prefix}`
}

function notAnAddress(value: unknown, expected: string): ValueFault {
  return typeof value === 'string' ? badValue(value, expected) : wrongKind(value, 'a string')
}

const prefixes = /^(?:0|[1-9]\d{0,2})$/

/** PostgreSQL would also take zeros before a prefix length, fewer than four numbers before one, and `::1:`. */
function networkOf(value: unknown): Network | undefined {
  if (typeof value !== 'string') return undefined
  const slash = value.indexOf('/')
  const given = slash < 0 ? value : value.slice(0, slash)
  const address = canonicalIp(given)
  if (address === undefined) return undefined
  const bits = isIPv4(given) ? 32 : 128
  const length = slash < 0 ? String(bits) : value.slice(slash + 1)
  if (!prefixes.test(length) || Number(length) > bits) return undefined
  return unmapped(address, Number(length), bits)
}

/** How many bits of an IPv6 address say that it maps an IPv4 address. */
const mappingBits = 96

/** A network of addresses that map IPv4 addresses is one of IPv4, as each such address is. */
function unmapped(address: string, prefix: number, bits: number): Network {
  if (bits === 32 || !isIPv4(address)) return { address, prefix, bits }
  if (prefix >= mappingBits) return { address, prefix: prefix - mappingBits, bits: 32 }
  return { address: `::ffff:${address}`, prefix, bits }
}

/** PostgreSQL refuses these in a cidr. */
function hasHostBits({ address, prefix, bits }: Network): boolean {
  const hostBits = BigInt(bits - prefix)
  const number = bits === 32 ? joined(address.split('.'), 10, 8n) : joined(ipv6Groups(address), 16, 16n)
  return number % 2n ** hostBits !== 0n
}

function joined(groups: readonly string[], base: number, width: bigint): bigint {
  return groups.reduce((sum, group) => (sum << width) + BigInt(Number.parseInt(group, base)), 0n)
}

/** All eight, of a canonical address. */
function ipv6Groups(address: string): string[] {
  const [left = '', right] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groupsOf = (text: string) => (text === '' ? [] : text.split(':'))
  if (right === undefined) return groupsOf(left)
  const [before, after] = [groupsOf(left), groupsOf(right)]
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
}
