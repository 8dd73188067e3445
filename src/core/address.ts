import { isIPv6 } from 'node:net'

/** The parts of `host:port`, as the configuration gives it; an IPv6 address without its brackets. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  return {
    host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
    port: Number(address.slice(colon + 1)),
  }
}

/** `host:port`; an IPv6 address in brackets. */
export function addressOf(host: string, port: number): string {
  return `${bracketed(host)}:${port}`
}

/** A host as it stands before a port or in a URL: an IPv6 address in brackets, anything else as it is. */
export function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host
}
