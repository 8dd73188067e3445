import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { RecordKey } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import {
  accepted,
  decode,
  delivery,
  good,
  json,
  rejected,
  valuesOf,
} from '../../test/support/scan-message.ts'
import { always } from '../../test/support/seed.ts'
import { scans } from './scans.ts'

const { inspector } = scans

function keyOf(...words: string[]): RecordKey {
  const key = inspector.keyOf(words)
  if (isRejection(key)) assert.fail(key.detail)
  return key
}

const goodKey = keyOf('1.1.1.7', '443', 'HTTP')

test('words mean the key that their message would have', () => {
  const ips = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('::1', '1.1.1', '01.1.1.1', '::1%eth0', ''))
  const ports = fc.integer({ min: -1, max: 65_537 })
  const services = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('', 'a b', 'x'.repeat(2049), '\0'),
  )
  always(
    fc.property(ips, ports, services, (ip, port, service) => {
      const key = inspector.keyOf([ip, String(port), service])
      const decoded = decode(json({ ip, port, service }))
      if (isRejection(decoded)) assert.equal(isRejection(key) && key.reason, decoded.reason)
      else assert.deepEqual(key, { key: decoded.key, values: valuesOf(decoded).slice(0, 3) })
    }),
    1000,
  )
})

test('all spellings of an address are one key', () => {
  const key = keyOf('::1', '5', 'SSH')
  assert.deepEqual(key, { key: '::1 5 SSH', values: ['::1', 5, 'SSH'] })
  for (const ip of ['0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001', '::0.0.0.1'])
    assert.deepEqual(keyOf(ip, '5', 'SSH'), key)
})

test('a mapped IPv4 address names the IPv4 host, in words, in a message and in a text', () => {
  const key = keyOf('1.2.3.4', '5', 'SSH')
  for (const ip of ['::ffff:1.2.3.4', '::FFFF:102:304', '0:0:0:0:0:ffff:0102:0304']) {
    assert.deepEqual(keyOf(ip, '5', 'SSH'), key)
    assert.deepEqual(valuesOf(accepted(json({ ip, port: 5, service: 'SSH' }))).slice(0, 3), key.values)
    assert.ok(inspector.mentions(key, `SSH on [${ip}], 5`), ip)
  }
})

test('a row has the key of its message, however PostgreSQL spells the address', () => {
  assert.equal(inspector.recordOf(['::1.2.3.4', 5, 'SSH', 'x', 1])?.key, keyOf('::102:304', '5', 'SSH').key)
})

test('a port is a plain number', () => {
  for (const port of ['', ' 80', '080', '+80', '-1', '8e1', '80.0', '0x50', '65536', 'http']) {
    const key = inspector.keyOf(['1.1.1.7', port, 'HTTP'])
    assert.ok(isRejection(key) && key.reason === 'bad-port', port)
    assert.match(key.detail, /"port" must be a whole number from 0 to 65535, not "?.*"?/)
  }
})

test('a message that is rejected for another reason than its key still has a key', () => {
  for (const change of [
    { timestamp: -1 },
    { timestamp: undefined },
    { data_version: 3 },
    { data: null },
    { data: { response_str: 'x'.repeat(1000) } },
  ]) {
    assert.deepEqual(inspector.keyFromMessage(delivery(json(change))), goodKey, JSON.stringify(change))
  }
  for (const change of [{ ip: '1.1.1' }, { port: '443' }, { service: '' }]) {
    const { reason } = rejected(json(change))
    const key = inspector.keyFromMessage(delivery(json(change)))
    assert.equal(isRejection(key) && key.reason, reason)
  }
})

test('a text mentions a key if it has all parts of it, the address in any spelling', () => {
  for (const text of [
    json({ port: '443' }),
    json({ ip: '1.1.1.7/32' }),
    '{"ip":"1.1.1.7","port":443,"service":"HTTP",',
    'HTTP 1.1.1.7:443',
    'HTTP at 1.1.1.7, port 443.',
  ]) {
    assert.ok(inspector.mentions(goodKey, text), text)
  }
  for (const text of [
    '',
    json({ ip: '1.1.1.70' }),
    json({ ip: '11.1.1.7' }),
    json({ port: 4433 }),
    json({ port: 1443 }),
    json({ service: 'HTTPS' }),
    json({ service: 'http' }),
    JSON.stringify({ ...good, ip: undefined }),
  ]) {
    assert.ok(!inspector.mentions(goodKey, text), text)
  }
  const local = keyOf('::1', '22', 'SSH')
  for (const ip of ['::1', '0:0:0:0:0:0:0:1', '[::1]:22', '::1.'])
    assert.ok(inspector.mentions(local, `SSH 22 ${ip}`), ip)
  for (const ip of ['2001::1', '::11', ':', '1']) assert.ok(!inspector.mentions(local, `SSH 22 ${ip}`), ip)
})

test('texts designed to be slow to search are not', () => {
  const started = performance.now()
  for (const piece of [':', '.', '1:', 'a.', 'HTTP 443 ::'])
    inspector.mentions(goodKey, `HTTP 443 ${piece.repeat(64 * 1024)}`)
  assert.ok(performance.now() - started < 2000)
})

test('a row is the record that it was written from', () => {
  const { key, version, content, ...record } = accepted(json({}))
  const row = Object.values(record.row)
  assert.deepEqual(inspector.recordOf(row), { key, version, content })
  assert.deepEqual(inspector.recordOf([...row.slice(0, 4), 1_700_000_000.9]), { key, version, content })
  assert.equal(inspector.recordOf([...row.slice(0, 4), Infinity]), undefined)
})

test('as people call it', () => {
  assert.equal(inspector.subject(goodKey), 'HTTP on 1.1.1.7:443')
  assert.equal(inspector.subject(keyOf('0::1', '22', 'SSH')), 'SSH on [::1]:22')
  assert.equal(inspector.versionTime?.msOf(1_700_000_000n), 1_700_000_000_000)
})
