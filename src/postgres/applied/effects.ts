import pg from 'pg'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Column, PostgresTable, Scalar } from '#core/pipeline.ts'
import { columnNamed, restOf, typeOf } from '#core/pipeline.ts'
import { bareType, ordered, parameter, selected } from '../column-sql.ts'
import { quotedTable } from '../identifier.ts'
import type { Effect } from './identities-sql.ts'
import { isApplied, parameters } from './identities-sql.ts'

/** What a table's records do to it, in SQL, and the parameters that this takes. */
export interface TableEffect<R> extends Effect {
  /** The values of parameters beyond those of the identities: for each an array with an element a record. */
  readonly valuesOf: (records: readonly KeyedRecord<R>[]) => readonly (readonly Scalar[])[]
  /** What is kept of a record with its identity. */
  readonly effectOf: (record: KeyedRecord<R>) => readonly string[]
  /** Whether two of these are of the same values. */
  readonly isSame: (effect: readonly string[], other: readonly string[]) => boolean
}

/**
 * Adds the values of new records to the rows of their keys. The sums are over what came back from the identities: a join with
 * the batch that was given would count a record twice that is in it twice.
 */
export function sumEffect<R>(table: PostgresTable<R>): TableEffect<R> {
  const { columns, key } = table
  const sums = restOf(table)
  const quoted = (names: readonly Pick<Column<R>, 'name'>[]) =>
    names.map(({ name }) => pg.escapeIdentifier(name)).join(', ')
  const keys = key.map((name) => columnNamed(table, name))
  const read = columns.map(
    (column, at) => `(effect[${at + 1}])::${elementType(column)} AS ${pg.escapeIdentifier(column.name)}`,
  )
  const added = sums.map(({ name }) => {
    const column = pg.escapeIdentifier(name)
    // NULL in a row that others have made would make the sum NULL.
    return `${column} = coalesce(t.${column}, 0) + EXCLUDED.${column}`
  })
  return {
    given: columns.map(
      (_, at) => `unnest($${parameters.count + at + 1}::text[]) AS "ingester value ${at + 1}"`,
    ),
    effect: `ARRAY[${columns.map((_, at) => `r."ingester value ${at + 1}"`).join(', ')}]`,
    placed: `"ingester applied" AS (SELECT effect FROM "ingester messages" UNION ALL SELECT effect FROM "ingester requests"),
"ingester sums" AS (
  SELECT ${[...keys.map((column) => `${selected(column)} AS ${pg.escapeIdentifier(column.name)}`), ...sums.map(({ name }) => `sum(r.${pg.escapeIdentifier(name)}) AS ${pg.escapeIdentifier(name)}`)].join(', ')}
  FROM (SELECT ${read.join(', ')} FROM "ingester applied") AS r
  GROUP BY ${keys.map((_, at) => at + 1).join(', ')}),
"ingester placed" AS (
  INSERT INTO ${quotedTable(table.name)} AS t (${quoted([...keys, ...sums])})
  SELECT ${quoted([...keys, ...sums])} FROM "ingester sums" AS s
  ORDER BY ${ordered(table, 's.', key)}
  ON CONFLICT (${quoted(keys)}) DO UPDATE SET ${added.join(', ')}
  RETURNING 1)`,
    expected: `SELECT count(*) FROM "ingester sums"`,
    valuesOf: (records) => columns.map((column) => records.map(({ row }) => column.of(row))),
    effectOf: ({ row }) => columns.map((column) => String(column.of(row))),
    isSame: (effect, other) =>
      columns.every((column, at) =>
        typeOf(column).name === 'numeric'
          ? canonical(effect[at]) === canonical(other[at])
          : effect[at] === other[at],
      ),
  }
}

/** A number in one spelling: 1.10 is 1.1, and an identity of both has not been used again for another value. */
function canonical(text: string | undefined): string | undefined {
  return text !== undefined && /^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, '') : text
}

/** What a value is cast to when it is read from a text. */
export function elementType(column: Column<never>): string {
  return column.from === undefined ? bareType(typeOf(column)) : 'bigint'
}

/** Makes a row of each new record. */
export function appendEffect<R>(
  table: PostgresTable<R>,
  digestOf: (record: KeyedRecord<R>) => string,
): TableEffect<R> {
  const { columns } = table
  const names = columns.map(({ name }) => pg.escapeIdentifier(name))
  return {
    given: [
      `unnest($${parameters.count + 1}::text[]) AS "ingester digest"`,
      ...columns.map(
        (column, at) => `unnest(${parameter(column, parameters.count + 1 + at)}) AS ${names[at]}`,
      ),
    ],
    effect: `ARRAY[r."ingester digest"]`,
    placed: `"ingester placed" AS (
  INSERT INTO ${quotedTable(table.name)} (${names.join(', ')})
  SELECT ${columns.map((column) => selected(column)).join(', ')}
  FROM "ingester admitted" AS r WHERE ${isApplied('r')}
  ORDER BY r."ingester at"
  RETURNING 1)`,
    expected: `SELECT (SELECT count(*) FROM "ingester messages") + (SELECT count(*) FROM "ingester requests")`,
    valuesOf: (records) => [
      records.map(digestOf),
      ...columns.map((column) => records.map(({ row }) => column.of(row))),
    ],
    effectOf: (record) => [digestOf(record)],
    isSame: ([digest], [other]) => digest === other,
  }
}
