import { BlockList, isIP, isIPv4 } from 'node:net'
import type { Socket } from 'node:net'

/** @throws RangeError where one is neither an address nor a network such as `10.0.0.0/8` */
function networks(list: readonly string[]): BlockList {
  const blocks = new BlockList()
  for (const one of list) {
    const [address = '', prefix, ...more] = one.trim().split('/')
    const version = isIP(address)
    const bits = version === 4 ? 32 : 128
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Infinity
    if (version === 0 || more.length > 0 || length > bits)
      throw new RangeError(`not an address or a network: ${one}`)
    blocks.addSubnet(address, length, familyOf(version))
  }
  return blocks
}

/**
 * Addresses of clients. `X-Forwarded-For` counts only from a trusted proxy: anyone else can write anything into it. The
 * client is the last address in it that is not that of a trusted proxy, since each proxy appends the address that it was
 * connected to.
 */
export class ClientAddresses {
  readonly #trusted: BlockList
  readonly #hasTrusted: boolean
  readonly #peers = new WeakMap<Socket, { readonly address: string; readonly isTrusted: boolean }>()

  /** @throws RangeError */
  constructor(trustedProxies: readonly string[]) {
    this.#trusted = networks(trustedProxies)
    this.#hasTrusted = trustedProxies.length > 0
  }

  /**
   * The address that a request counts for, without a port; IPv4 in dotted form.
   *
   * @param forwardedFor the request's `X-Forwarded-For`
   */
  of(socket: Socket, forwardedFor: string | readonly string[] | undefined): string {
    const peer = this.#peerOf(socket)
    if (!peer.isTrusted || forwardedFor === undefined) return peer.address
    let client = peer.address
    for (const entry of String(forwardedFor).split(',').reverse()) {
      const address = addressIn(entry)
      // What is no address, no proxy has appended: it stands for the last one that is known.
      if (address === undefined) return client
      client = address
      if (!this.#isTrusted(address)) return client
    }
    return client
  }

  #peerOf(socket: Socket) {
    const known = this.#peers.get(socket)
    if (known) return known
    const address = unmapped(socket.remoteAddress ?? '')
    const peer = { address, isTrusted: this.#hasTrusted && this.#isTrusted(address) }
    this.#peers.set(socket, peer)
    return peer
  }

  #isTrusted(address: string): boolean {
    const version = isIP(address)
    return version !== 0 && this.#trusted.check(address, familyOf(version))
  }
}

const familyOf = (version: number) => (version === 4 ? 'ipv4' : 'ipv6')

/** Some proxies append the port. */
function addressIn(entry: string): string | undefined {
  const text = entry.trim()
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
  return isIP(bare) === 0 ? undefined : unmapped(bare)
}

/** An IPv4 address that a socket for both versions shows as one of IPv6. */
function unmapped(address: string): string {
  const tail = /^::ffff:([\d.]+)$/i.exec(address)?.[1]
  return tail !== undefined && isIPv4(tail) ? tail : address
}

/**
 * What one client is for a limit: an IPv4 address; of IPv6 the network of 64 bits, of which a single host can have every
 * address.
 */
export function limitedClient(address: string): string {
  if (!address.includes(':')) return address
  const groups = groupsOf(address)
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return [6, 7].flatMap((at) => [(groups[at] ?? 0) >> 8, (groups[at] ?? 0) & 0xff]).join('.')
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

/** The eight of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [plain = ''] = address.split('%')
  const [before = '', after] = plain.split('::')
  const head = groupsIn(before)
  if (after === undefined) return head
  const tail = groupsIn(after)
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail]
}

function groupsIn(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}
