import type { Meaning } from '../oracle/facts.ts'
import { refused } from '../simulated/servers/postgres-errors.ts'
import { keyOf } from '../simulated/servers/postgres-rows.ts'
import type { Item } from '../support/item-pipeline.ts'
import { itemPipeline } from '../support/item-pipeline.ts'
import type { PlannedRecord, Workload } from './workload.ts'

/** Hard on the texts that keys are where guards are looked for. */
const ids = ['a', 'NULL', '["a"]', '{,}', 'é"\\']
const idOf = (key: number) => ids[key] ?? `neighbour${key}`

type Rest = Pick<Item, 'price' | 'tags' | 'more'>

/** What a content stands for: some columns are NULL, and some have it within. */
const rests: Readonly<Record<string, Rest>> = {
  x: {},
  y: { price: '1.50' },
  NULL: { tags: ['NULL', null] },
  '{,}': { price: '1.5', tags: ['{,}', '"\\'] },
  '"\\': { more: { '"\\': '"\\' } },
}
const restOf = (content: string): Rest => rests[content] ?? { more: content }

/** `2 9` is the time, in seconds since 1970, and the revision. */
function versionIn(text: string): readonly [seconds: number, revision: number] {
  const [seconds = '', revision = '0'] = text.split(' ')
  return [Number(seconds), Number(revision)]
}

function itemOf({ key, version, content, gone = false, invalid }: PlannedRecord): object | null {
  if (invalid === 'malformed') return null
  const [seconds, revision] = versionIn(version)
  const at = invalid === undefined ? new Date(seconds * 1000).toISOString() : 'yesterday'
  const known = { id: idOf(key), at, revision }
  return gone ? { ...known, gone } : { ...known, ...restOf(content) }
}

/** All other columns as one text: the order of rows of one version, here and in the simulated table. */
function contentOf({ price, tags, more }: Rest): string {
  const goneAt = null
  return JSON.stringify([
    price ?? null,
    tags ?? null,
    more === undefined ? null : JSON.stringify(more),
    goneAt,
  ])
}

function meaningOf({ key, version, content, gone = false, invalid }: PlannedRecord): Meaning {
  if (invalid !== undefined) return { invalid }
  const [seconds, revision] = versionIn(version)
  const micros = BigInt(seconds) * 1_000_000n
  const known = { key: keyOf([idOf(key)]), version: micros * 1_000_000n + BigInt(revision) }
  if (gone) return { row: { ...known, content: '', gone } }
  const row = { ...known, content: contentOf(restOf(content)) }
  return content in refused ? { row, refused: true } : { row }
}

/** Versions of two columns, NULLs, ties that only the table can decide, and deletions. */
export const itemWorkload: Workload = {
  pipeline: itemPipeline,
  keys: ids.length,
  invalid: ['malformed', 'bad-value'],
  several: true,
  textOf: (records) => {
    const items = records.map(itemOf)
    return JSON.stringify(items.length === 1 ? items[0] : items)
  },
  meaningOf,
  rowKeyOf: (key) => keyOf([idOf(key)]),
}
