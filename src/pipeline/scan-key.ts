import { canonicalIp } from './ip.ts'
import type { JsonObject } from './json-message.ts'
import { checkText, numberOf, textOf } from './json-message.ts'
import { preview } from '#core/preview.ts'
import { reject } from './rejection.ts'

/** An index entry holds about 2,700 bytes; the rest of the key takes less than 50. */
export const maxServiceBytes = 2048

/** Neither an address nor a number contains a space, so no two keys join to the same text. */
export function keyText(ip: string, port: number, service: string): string {
  return `${ip} ${port} ${service}`
}

/** The canonical address of a message. As all here: throws what `reject` throws. */
export function ipOf(message: JsonObject): string {
  return toIp(textOf(message, 'ip'))
}

export function portOf(message: JsonObject): number {
  return toPort(numberOf(message, 'port'))
}

export function serviceOf(message: JsonObject): string {
  return toService(textOf(message, 'service'))
}

/** The same from the words of a command line. */
export function wordsToKey([ip = '', port = '', service = '']: readonly string[]): [string, number, string] {
  return [
    toIp(ip),
    toPort(/^(0|[1-9]\d*)$/.test(port) ? Number(port) : port),
    toService(checkText(service, 'service')),
  ]
}

function toIp(text: string): string {
  return canonicalIp(text) ?? reject('bad-ip', `"ip" is not an IPv4 or IPv6 address: ${preview(text)}`)
}

export function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535
}

function toPort(port: unknown): number {
  if (isPort(port)) return port
  return reject('bad-port', `"port" must be a whole number from 0 to 65535, not ${preview(port)}`)
}

function toService(service: string): string {
  if (service === '') reject('bad-service', '"service" is empty')
  const bytes = Buffer.byteLength(service)
  if (bytes <= maxServiceBytes) return service
  return reject(
    'bad-service',
    `"service" has ${bytes} bytes; as part of the key it may have ${maxServiceBytes}`,
  )
}
