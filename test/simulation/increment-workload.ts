import type { Pipeline } from '#core/pipeline.ts'
import type { Meaning } from '../oracle/facts.ts'
import { refused } from '../simulated/servers/postgres-errors.ts'
import { keyOf } from '../simulated/servers/postgres-rows.ts'
import { incrementLog, incrementSums } from '../support/increment-pipelines.ts'
import type { PlannedRecord, Workload } from './workload.ts'

/** The table refuses the last of them. */
const keys = ['a', 'NULL', '{,}', 'é"\\', 'bad']
export const refusedKey = keys.indexOf('bad')
const nameOf = (key: number) => keys[key] ?? `neighbour${key}`

function meaningOf({ key, content, invalid }: PlannedRecord): Meaning {
  if (invalid !== undefined) return { invalid }
  const row = { key: nameOf(key), version: 0n, content }
  return nameOf(key) in refused ? { row, refused: true } : { row }
}

/** Records that count once each. The content of one is its number, which no other identity's has. */
function incrementWorkload(pipeline: Pipeline): Workload {
  return {
    pipeline,
    keys: keys.length,
    invalid: ['malformed'],
    several: true,
    textOf: (records) =>
      records
        .map(({ key, content, invalid }) =>
          invalid === undefined ? `${nameOf(key)} ${content}` : 'nonsense',
        )
        .join(';'),
    meaningOf,
    rowKeyOf: (key) => keyOf([nameOf(key)]),
    mayBeRefused: ({ key, content }) => key === refusedKey || isHuge(content),
    // Beyond those of all plans.
    neighbourContent: (serial) => String(1_000_000 + serial),
  }
}

/** Beside others of its key it has no room in a bigint. */
function isHuge(content: string): boolean {
  return content.length > 18
}

export const sumWorkload = incrementWorkload(incrementSums)
export const appendWorkload = incrementWorkload(incrementLog)
