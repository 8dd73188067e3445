/** What may be wrong with a message, one example a kind. */
export interface Poison {
  readonly kind: string
  /** The reason that its dead letter gets. */
  readonly reason: string
  readonly data: Buffer
  readonly attributes?: Readonly<Record<string, string>>
}

const good = {
  ip: '1.1.1.7',
  port: 443,
  service: 'HTTP',
  timestamp: 1_700_000_000,
  data_version: 2,
  data: { response_str: 'hello world' },
}

function json(kind: string, reason: string, change: Record<string, unknown>): Poison {
  return { kind, reason, data: Buffer.from(JSON.stringify({ ...good, ...change })) }
}

function raw(kind: string, reason: string, data: string | Buffer): Poison {
  return { kind, reason, data: Buffer.from(data) }
}

const version1 = (response: string) => ({ data_version: 1, data: { response_bytes_utf8: response } })
const version2 = (response: unknown) => ({ data: { response_str: response } })
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

/** Every kind of message that cannot be stored and that fits into one that a broker takes. */
export const poisons: readonly Poison[] = [
  { ...raw('attribute without data', 'no-data', ''), attributes: { source: 'poison' } },
  raw('not JSON', 'not-json', 'service response: 42'),
  raw('truncated JSON', 'not-json', '{"ip":"1.1.1.7","port":44'),
  raw('not UTF-8', 'not-utf8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
  raw('an array', 'not-an-object', '[1,2,3]'),
  raw('a string', 'not-an-object', '"scan"'),
  raw('null', 'not-an-object', 'null'),
  raw('nested 100,000 deep', 'too-deep', nested(100_000)),
  raw('key __proto__', 'forbidden-key', `{"__proto__":{"ip":"1.1.1.7"},${JSON.stringify(good).slice(1)}`),
  json('missing port', 'missing-field', { port: undefined }),
  json('null service', 'wrong-type', { service: null }),
  json('port as text', 'wrong-type', { port: '80' }),
  json('ip as number', 'wrong-type', { ip: 16843015 }),
  json('data as text', 'not-an-object', { data: 'hello world' }),
  json('unknown data_version', 'unknown-version', { data_version: 3 }),
  json('payload of version 1', 'payload-mismatch', { data: { response_bytes_utf8: 'aGVsbG8=' } }),
  json('payload of version 2', 'payload-mismatch', { data_version: 1 }),
  json('unpadded base64', 'bad-base64', version1('aGVsbG8')),
  json('base64 of the URL alphabet', 'bad-base64', version1('__8=')),
  json('bytes that are not UTF-8', 'not-utf8', version1(Buffer.from([0xc3, 0x28]).toString('base64'))),
  json('NUL in the response', 'bad-text', version2('a\0b')),
  raw('lone surrogate in the response', 'bad-text', JSON.stringify({ ...good, ...version2('\ud800') })),
  json('no address', 'bad-ip', { ip: '1.1.1.256' }),
  json('leading zeros in the address', 'bad-ip', { ip: '010.1.1.1' }),
  json('prefix length', 'bad-ip', { ip: '1.1.1.7/32' }),
  json('zone id', 'bad-ip', { ip: 'fe80::1%eth0' }),
  json('port −1', 'bad-port', { port: -1 }),
  json('port 65536', 'bad-port', { port: 65_536 }),
  json('port 80.5', 'bad-port', { port: 80.5 }),
  json('negative timestamp', 'bad-timestamp', { timestamp: -1 }),
  json('fractional timestamp', 'bad-timestamp', { timestamp: 1_700_000_000.5 }),
  json('timestamp in milliseconds', 'bad-timestamp', { timestamp: 1_700_000_000_000 }),
  json('timestamp above 2^53', 'bad-timestamp', { timestamp: 2 ** 53 + 2 }),
  json('empty service', 'bad-service', { service: '' }),
  json('service longer than a key', 'bad-service', { service: 'x'.repeat(3000) }),
]
