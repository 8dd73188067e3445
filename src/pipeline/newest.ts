import { isCollated } from '#core/column-type.ts'
import type { Delivery } from '#core/delivery.ts'
import { firstPublishedMs } from '#core/identity.ts'
import type { Guard, KeyedRecord } from '#core/keyed-record.ts'
import type { Merge } from '#core/merge.ts'
import type { Column, Deletes, PostgresTable } from '#core/pipeline.ts'
import { columnNamed, restOf, typeOf } from '#core/pipeline.ts'
import { keyReader } from './key-text.ts'
import { rowSize } from './row-size.ts'
import { guardRankReader, rankReader } from './version-rank.ts'

export interface Newest<R = unknown> extends Merge<R> {
  /** @param delivery of its message, where rows may be gone: else it does not matter where a row comes from */
  recordOf(row: R, delivery?: Published): KeyedRecord<R>
}

type Published = Pick<Delivery, 'publishTimeMs'> & Partial<Pick<Delivery, 'attributes'>>

/**
 * Of each key the row with the greatest version stays. Between equal versions the text at their end decides, where they have
 * one, then all other columns, in an order that only the database knows.
 */
export function newest<R>(table: PostgresTable<R>): Newest<R> {
  const keyColumns = table.key.map((name) => columnNamed(table, name))
  const versions = table.version.map((name) => columnNamed(table, name))
  const last = versions.at(-1)
  const text = last && isCollated(typeOf(last)) ? last : undefined
  const ranked = versions.filter((column) => column !== text)
  const ranks = ranked.map(rankReader)
  const guardRanks = ranked.map(guardRankReader)
  const rest = restOf(table)
  const { deletes } = table
  const bytesOf = rowSize(table.columns)
  const keyOf = keyReader(keyColumns)
  const [firstRank] = ranks as [(row: R) => bigint]
  const isPlain = ranks.length === 1 && text !== undefined && rest.length === 0
  const contentOf = isPlain ? (row: R) => textOf(row, text) : contentReader(table, firstRank)
  return {
    recordOf: (row, delivery) => {
      const rank = firstRank(row)
      const record = {
        key: keyOf(row),
        version: rank < 0n ? 0n : rank,
        content: contentOf(row),
        row,
        bytes: bytesOf(row),
      }
      return deletes ? { ...record, guard: guardOf(row, deletes, guardRanks, delivery) } : record
    },
    compare: isPlain ? compareVersions : comparator(ranks, text, rest.length > 0),
  }
}

/** @throws TypeError where the row breaks what its column promises: the decoder is wrong */
function textOf<R>(row: R, column: Column<R>): string {
  const value = column.of(row)
  if (typeof value !== 'string') throw new TypeError(`${column.name} is ${value}, which is no text`)
  return value
}

function guardOf<R>(
  row: R,
  deletes: Deletes<R>,
  ranks: readonly ((row: R) => bigint)[],
  delivery?: Published,
): Guard {
  // A message that was redriven is as old as it was: a newer deletion of its key may be forgotten.
  const publishTimeMs = delivery ? firstPublishedMs(delivery) : Infinity
  return { isGone: deletes.when(row), ranks: ranks.map((rankOf) => rankOf(row)), publishTimeMs }
}

/** The order of rows of one key whose version is a number and a text, and which have nothing else. */
export function compareVersions(a: KeyedRecord, b: KeyedRecord): number {
  if (a.version !== b.version) return a.version < b.version ? -1 : 1
  return compareUtf8(a.content, b.content)
}

/** Orders text as PostgreSQL does under COLLATE "C": by UTF-8 bytes. `<` would compare UTF-16 code units. */
export function compareUtf8(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** The order of all others, as far as it is the same here and in the database. */
function comparator<R>(
  ranks: readonly ((row: R) => bigint)[],
  text: Column<R> | undefined,
  hasRest: boolean,
): Merge<R>['compare'] {
  return (a, b) => {
    if (a.version !== b.version) return a.version < b.version ? -1 : 1
    if (a.content === b.content) return 0
    for (const rankOf of ranks) {
      const [one, other] = [rankOf(a.row), rankOf(b.row)]
      if (one !== other) return one < other ? -1 : 1
    }
    const [isGone, wasGone] = [a.guard?.isGone ?? false, b.guard?.isGone ?? false]
    // Of two deletions that differ in their marks the table knows which stays.
    if (isGone || wasGone) return isGone && wasGone ? undefined : Number(isGone) - Number(wasGone)
    const order = text ? compareUtf8(textOf(a.row, text), textOf(b.row, text)) : 0
    return order === 0 && hasRest ? undefined : order
  }
}

/**
 * All that tells rows of one key and first version from each other, as one text, for the cache and to know a record again.
 * No value has a NUL.
 */
function contentReader<R>(table: PostgresTable<R>, firstRank: (row: R) => bigint): (row: R) => string {
  const { key, version, deletes } = table
  const columns = table.columns.filter(({ name }) => !key.includes(name) && name !== version[0])
  const ofDeletion = columns.filter(({ name }) => version.includes(name) || name === deletes?.column)
  return (row) => {
    const rank = firstRank(row)
    // The version of the record is 0 for all of these.
    const parts = rank < 0n ? [String(rank)] : []
    const isGone = deletes?.when(row) ?? false
    if (isGone) parts.push('gone')
    for (const column of isGone ? ofDeletion : columns) {
      const value = column.of(row)
      parts.push(value === null ? '' : `=${value}`)
    }
    return parts.join('\0')
  }
}
