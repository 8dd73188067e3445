import type { Door, Operation } from '#core/door.ts'
import { isRejection } from '#core/rejection.ts'
import { maxIncrementBytes, readIncrement, writeIncrement } from './message.ts'

const example = { key: '5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90', value: 3 }

const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['key', 'value'],
  properties: {
    key: {
      type: 'string',
      format: 'uuid',
      pattern: '^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$',
      not: { const: '00000000-0000-0000-0000-000000000000' },
      description: 'What is counted. Upper and lower case are the same key; the nil UUID is refused.',
    },
    value: {
      type: 'integer',
      format: 'int64',
      minimum: 1,
      // No maximum: in this document it would be a double, and 2^63 - 1 is none.
      description:
        'By how much the sum grows: 1 to 9223372036854775807, in digits only. `1.0`, `1e3` and `"1"` are refused.',
    },
  },
} as const

const refused = (error: string) => ({ summary: error, value: { error } })

const operation: Operation = {
  operationId: 'increment',
  tags: ['increments'],
  summary: 'Increment a key',
  description:
    'Adds `value` to the sum of `key`. The sum in PostgreSQL contains it within ten seconds while PostgreSQL and an ingester ' +
    'are running. Without the header `Idempotency-Key`, a repeated request counts again. Two kinds of increments are answered ' +
    'with 200, do not count, and are kept as dead letters for the operator: one with an `Idempotency-Key` that was used for ' +
    'another increment before, of which the first counts; and one that would make the sum greater than 9223372036854775807.',
  requestBody: {
    required: true,
    content: { 'application/json': { schema, examples: { three: { summary: 'By 3', value: example } } } },
  },
  responses: {
    '200': { description: 'The broker has the increment. The body is empty.' },
    '400': {
      description: 'The body is not an increment; nothing counts.',
      content: {
        'application/json': {
          schema: { type: 'object', required: ['error'], properties: { error: { type: 'string' } } },
          examples: {
            key: refused("missing or invalid 'key'"),
            value: refused("missing or invalid 'value'"),
            member: refused("unknown member 'count'"),
            twice: refused("duplicate member 'value'"),
            array: refused('the body is not a JSON object: "[]"'),
            empty: refused('the body is empty'),
          },
        },
      },
    },
  },
}

/** `POST /increment`: one message of each request, in the one form that its increment has. */
export const incrementDoor: Door = {
  method: 'POST',
  path: '/increment',
  topicId: 'increments',
  subscriptionId: 'increments-sub',
  contentType: 'application/json',
  maxBodyBytes: maxIncrementBytes,
  operation,
  read({ body }) {
    const increment = readIncrement(body, 0, body.length, 'the body')
    return isRejection(increment) ? increment : [{ data: writeIncrement(increment) }]
  },
  accepted: { status: 200 },
}
