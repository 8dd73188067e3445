import assert from 'node:assert/strict'
import { test } from 'vitest'
import { addressOf, bracketed, splitAddress } from './address.ts'

test('an IPv6 address is put in brackets, nothing else is, and it is split again', () => {
  for (const [host, address] of [
    ['db', 'db:5432'],
    ['127.0.0.1', '127.0.0.1:5432'],
    ['::1', '[::1]:5432'],
    ['fe80::1%eth0', '[fe80::1%eth0]:5432'],
  ] as const) {
    assert.equal(addressOf(host, 5432), address)
    assert.deepEqual(splitAddress(address), { host, port: 5432 })
  }
  assert.equal(bracketed('2001:db8::2'), '[2001:db8::2]')
  assert.equal(bracketed('/var/run/a:b'), '/var/run/a:b')
})
