import { definePipeline } from '#pipeline/define-pipeline.ts'
import type { Increment } from './counted-once.ts'
import { decodeIncrements } from './counted-once.ts'

/** `key amount`, or several of them: sums by key. */
export const incrementSums = definePipeline<Increment, 'key' | 'value'>({
  name: 'sums',
  topic: 'sums',
  subscription: 'sums-sub',
  decode: decodeIncrements,
  rejections: ['malformed'],
  table: {
    name: 'sums',
    mode: 'sum',
    columns: [
      { name: 'key', type: 'text', of: ({ key }) => key },
      { name: 'value', type: 'bigint', of: ({ by }) => by },
    ],
    key: ['key'],
  },
})

/** The same messages, each record a row. */
export const incrementLog = definePipeline<Increment, 'key' | 'amount'>({
  name: 'log',
  topic: 'log',
  subscription: 'log-sub',
  decode: decodeIncrements,
  rejections: ['malformed'],
  table: {
    name: 'log',
    mode: 'append',
    columns: [
      { name: 'key', type: 'text', of: ({ key }) => key },
      { name: 'amount', type: 'bigint', of: ({ by }) => by },
    ],
  },
})

export const createSums = 'CREATE TABLE sums (key text PRIMARY KEY, value bigint NOT NULL)'
export const createLog =
  'CREATE TABLE log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL, amount bigint NOT NULL)'
