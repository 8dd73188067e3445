import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Outgoing } from '../broker/message.ts'
import { checkPublish } from './request-limits.ts'

const data = Buffer.from('x')
const attributes = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`key${i}`, 'value']))

const passes = (...messages: Outgoing[]) => assert.doesNotThrow(() => checkPublish(messages))
const refused = (message: string, ...messages: Outgoing[]) =>
  assert.throws(() => checkPublish(messages), { status: 'INVALID_ARGUMENT', message })

describe('limits on publishing', () => {
  test('1 to 1000 messages', () => {
    refused('No messages to publish')
    const many = (count: number) => Array.from({ length: count }, () => ({ data }))
    passes(...many(1000))
    refused('Too many messages to publish: 1001, at most 1000', ...many(1001))
  })

  test('each with data or attributes', () => {
    passes({ data }, { attributes: { a: '' } }, { data: null, attributes: { a: 'b' } })
    for (const empty of [
      {},
      { data: Buffer.alloc(0) },
      { data: null, attributes: null },
      { orderingKey: 'k' },
    ]) {
      refused('Some messages are empty', { data }, empty)
    }
  })

  test('10 MB in total, of data and attributes', () => {
    passes({ data: Buffer.alloc(10_000_000) })
    passes({ data: Buffer.alloc(9_999_996), attributes: { ab: 'cd' } })
    const tooLarge = 'Request payload size exceeds the limit: 10000000 bytes.'
    refused(tooLarge, { data: Buffer.alloc(10_000_001) })
    refused(tooLarge, { data: Buffer.alloc(9_999_997), attributes: { ab: 'cd' } })
    refused(tooLarge, { data: Buffer.alloc(5_000_000) }, { data: Buffer.alloc(5_000_001) })
  })

  test('at most 100 attributes', () => {
    passes({ attributes: attributes(100) })
    refused('A message has 101 attributes, at most 100 are allowed', { attributes: attributes(101) })
  })

  test('with keys of 1 to 256 bytes that do not begin with goog', () => {
    passes({ attributes: { ['k'.repeat(256)]: 'v' } }, { attributes: { Goog: 'v', xgoog: 'v' } })
    refused('An attribute has an empty key', { attributes: { '': 'v' } })
    refused("An attribute's key is longer than 256 bytes", { attributes: { ['k'.repeat(257)]: 'v' } })
    refused("An attribute's key is longer than 256 bytes", { attributes: { ['ä'.repeat(129)]: 'v' } })
    for (const key of ['goog', 'google']) {
      refused(`The attribute key ${key} begins with "goog"`, { attributes: { [key]: 'v' } })
    }
  })

  test('and values of up to 1024 bytes', () => {
    passes({ attributes: { key: 'v'.repeat(1024) } })
    refused('The value of attribute key is longer than 1024 bytes', { attributes: { key: 'v'.repeat(1025) } })
    refused('The value of attribute key is longer than 1024 bytes', { attributes: { key: 'ä'.repeat(513) } })
  })

  test('an ordering key of up to 1024 bytes', () => {
    passes({ data, orderingKey: 'k'.repeat(1024) }, { data, orderingKey: '' }, { data, orderingKey: null })
    refused('An ordering key is longer than 1024 bytes', { data, orderingKey: 'k'.repeat(1025) })
    refused('An ordering key is longer than 1024 bytes', { data, orderingKey: 'ä'.repeat(513) })
  })
})
