// A web page can send requests to an emulator on its reader's own machine: its origin is then a foreign one; or, with a
// name that first led to the page's server and now leads to 127.0.0.1 (DNS rebinding), its host is. A request may
// therefore name this machine only, and what was allowed by name. https://datatracker.ietf.org/doc/html/rfc6454#section-7
import { BlockList, isIP } from 'node:net'
import { StatusError } from '../broker/status.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

export interface RequestSource {
  /** The Host header, or gRPC's `:authority`; not checked where there is none. */
  readonly host: string | undefined
  /** The Origin header: of requests that web pages make, and of no others. */
  readonly origin: string | undefined
  /** The address that the connection came to. */
  readonly localAddress: string | undefined
}

/** Whose requests are served: by the names they use for the emulator, and by the web page that makes them. */
export class AllowedHosts {
  readonly #names: ReadonlySet<string>
  /** Whether it can be reached from this machine only. */
  readonly isLoopbackOnly: boolean

  /**
   * @param boundHost where it listens
   * @param others names and addresses that are allowed besides, without ports
   */
  constructor(boundHost: string, others: readonly string[] = []) {
    this.#names = new Set(['localhost', boundHost, ...others].map((one) => nameIn(bracketed(one)) ?? one))
    this.isLoopbackOnly = isLoopback(nameIn(bracketed(boundHost)))
  }

  /** @throws StatusError that says which name is foreign, and how to allow it */
  check({ host, origin, localAddress }: RequestSource): void {
    const own = localAddress === undefined ? undefined : nameIn(bracketed(localAddress))
    const allows = (name: string | undefined) =>
      name !== undefined && (name === own || this.#names.has(name) || isLoopback(name))
    if (host !== undefined && !allows(nameIn(host))) throw refusal('for the host', host)
    if (origin !== undefined && !allows(nameOfOrigin(origin))) throw refusal('from the origin', origin)
  }
}

/** Of `host:port`, in the one spelling that URLs have for it; undefined where it is none. */
function nameIn(hostAndPort: string): string | undefined {
  if (/[\s/?#@\\]/.test(hostAndPort) || !URL.canParse(`http://${hostAndPort}`)) return undefined
  return new URL(`http://${hostAndPort}`).hostname.replace(/\.$/, '')
}

function nameOfOrigin(origin: string): string | undefined {
  const [, hostAndPort] = /^https?:\/\/(.+)$/.exec(origin) ?? []
  return hostAndPort === undefined ? undefined : nameIn(hostAndPort)
}

/** As a part of a URL. IPv4 addresses reach a socket for both families in the form of IPv6. */
function bracketed(host: string): string {
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '')
  return isIP(plain) === 6 ? `[${plain}]` : plain
}

function isLoopback(name: string | undefined): boolean {
  if (name === undefined) return false
  if (name === 'localhost') return true
  const address = name.replace(/^\[(.*)\]$/, '$1')
  const family = isIP(address)
  return family !== 0 && loopback.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

function refusal(where: string, value: string): StatusError {
  const shown = JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value)
  const fix = 'allow its name with --allow-host, or with allowHosts of startEmulator, if it is meant to'
  return new StatusError('PERMISSION_DENIED', `Requests ${where} ${shown} are not served here: ${fix}.`)
}
