import { hash } from 'node:crypto'
import pg from 'pg'
import type { Guard } from '#core/keyed-record.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { arrayLiteral } from './array-literal.ts'
import { durable } from './durable.ts'
import { limitedWait } from './lock-wait.ts'
import { keyGuards } from './needed-tables.ts'
import { runOn } from './session.ts'
import { creationAdvice } from './table-advice.ts'
import { problemOf, unfitnessOf } from './table-fitness.ts'
import { parseShape, shapeSql } from './table-shape.ts'
import { statementName } from './upsert.ts'

/** A record that its key's guard decides about. */
export interface Guarded extends Guard {
  /** As {@link guardKey} writes it. */
  readonly key: string
}

/** Records by their positions among those that were given. Those that are nowhere are older than a deletion. */
export interface Admitted {
  /** Rows that may be written: no deletion of their key is as new. */
  readonly rows: readonly number[]
  /** Deletions to be carried out: none of their key is newer. */
  readonly deletions: readonly number[]
  /** How many of these were not known before. */
  readonly entered: number
}

/** The values of a key's columns as `key_guards.key` has them. */
export function guardKey(values: readonly unknown[]): string {
  const text = JSON.stringify(values.map(String))
  return text.length <= longestKey ? text : `sha256:${hash('sha256', text, 'hex')}`
}

/** An entry of an index has at most 2,704 bytes; a unit of UTF-16 becomes at most three. */
const longestKey = 800

/** As an array of PostgreSQL's. */
function versionOf({ ranks }: Guard): string {
  return `{${ranks.join(',')}}`
}

/**
 * Locks the guards of the batch's keys until the end of the transaction, in the order of their keys, and enters its
 * deletions. A guard that is there and is not changed is locked all the same, by the conflict.
 */
const lockText = `WITH found AS MATERIALIZED (SELECT ${shapeSql(keyGuards)} AS shape),
placed AS (
INSERT INTO key_guards AS g (pipeline, key, deleted_version, deleted_at)
SELECT $1, r.key, r.version::bigint[], CASE WHEN r.version IS NOT NULL THEN now() END
FROM unnest($2::text[], $3::text[]) AS r(key, version)
WHERE ${durable} AND (SELECT shape FROM found) = $4::text AND ${limitedWait('$5')}
ORDER BY r.key COLLATE "C"
ON CONFLICT (pipeline, key) DO UPDATE
SET deleted_version = EXCLUDED.deleted_version, deleted_at = EXCLUDED.deleted_at
WHERE EXCLUDED.deleted_version > coalesce(g.deleted_version, '{}')
RETURNING deleted_version)
SELECT nullif(shape, $4::text) AS shape,
  (SELECT count(*)::integer FROM placed WHERE deleted_version IS NOT NULL) AS entered
FROM found`

/**
 * Which rows are newer than every deletion of their key, and which deletions are as new. A statement of its own, since it must see what was committed while
 * the one before waited for a lock. Each key is looked up by itself: a join might read the whole table.
 */
const newerText = `SELECT r.at::integer - 1 AS at
FROM unnest($2::text[], $3::text[], $4::boolean[]) WITH ORDINALITY AS r(key, version, is_gone, at),
LATERAL (SELECT coalesce(
  (SELECT g.deleted_version FROM key_guards AS g WHERE g.pipeline = $1 AND g.key = r.key), '{}') AS version) AS deleted
WHERE r.version::bigint[] > deleted.version OR r.is_gone AND r.version::bigint[] = deleted.version`

const names = {
  lock: statementName('guard', lockText),
  newer: statementName('newer', newerText),
}

interface Locked {
  /** Null where it is the one that was expected. */
  readonly shape: string | null
  readonly entered: number
}

/**
 * The guards of one pipeline's keys.
 *
 * Without them a deleted row comes back: one replica's insert of version 5 begins, and sees no deletion; another's deletion
 * of version 10 finds no row, and commits; then the insert does. Here both wait for the guard, and what is decided after that
 * is decided by a statement of its own, which sees what the other has done.
 */
export class KeyGuards {
  readonly #pipeline: string
  #examined = ''

  constructor(pipeline: string) {
    this.#pipeline = pipeline
  }

  /**
   * @param wait for a guard that another transaction holds
   * @returns undefined where the table of guards is not the one that was examined: the transaction is to be rolled back
   * @throws WriteFailure where that table is not fit; whatever the connection throws
   */
  async admit(
    client: pg.PoolClient,
    records: readonly Guarded[],
    wait: string,
  ): Promise<Admitted | undefined> {
    const keys = arrayLiteral(records.map(({ key }) => key))
    const entered = await this.#lock(client, records, keys, wait)
    if (entered === undefined) return undefined
    const { rows } = await runOn<{ at: number }>(client, {
      name: names.newer,
      text: newerText,
      values: [
        this.#pipeline,
        keys,
        arrayLiteral(records.map(versionOf)),
        arrayLiteral(records.map(({ isGone }) => String(isGone))),
      ],
    })
    const isGone = (at: number) => records[at]?.isGone === true
    const newer = rows.map(({ at }) => at)
    return { rows: newer.filter((at) => !isGone(at)), deletions: newer.filter(isGone), entered }
  }

  async #lock(
    client: pg.PoolClient,
    records: readonly Guarded[],
    keys: string,
    wait: string,
  ): Promise<number | undefined> {
    const deletions = arrayLiteral(records.map((record) => (record.isGone ? versionOf(record) : null)))
    const values = [this.#pipeline, keys, deletions, this.#examined, wait]
    const { rows } = await runOn<Locked>(client, { name: names.lock, text: lockText, values }).catch(absent)
    const [{ shape, entered }] = rows as [Locked]
    if (shape === null) return entered
    this.#examine(shape)
    return undefined
  }

  /** Nothing but plain rows: what a trigger discards would be taken for locked. */
  #examine(text: string): void {
    const shape = parseShape(text)
    const unfit = unfitnessOf(keyGuards, shape)
    const { message, fixes } = problemOf(`table ${keyGuards.name}`, unfit)
    if (unfit.length > 0) throw new WriteFailure('schema-drift', message, undefined, { fixes })
    const [trigger] = [...shape.triggers, ...shape.rules.map(({ name }) => name)]
    if (trigger !== undefined)
      throw new WriteFailure(
        'schema-drift',
        `table ${keyGuards.name}: it must have no triggers or rules, and has ${trigger}`,
      )
    this.#examined = text
  }
}

/** What is missing is this table, and not the one that the rows are for. */
function absent(error: unknown): never {
  if (!(error instanceof pg.DatabaseError) || !/^(42P01|42703)$/.test(error.code ?? '')) throw error
  const message = `table ${keyGuards.name}: ${error.message}`
  throw new WriteFailure('schema-drift', message, undefined, { fixes: [creationAdvice(keyGuards)] })
}

/** Guards as a table whose rows are identified by pipeline and key: to see which of them are locked. */
export function guardsAsTable(pipeline: string): PostgresTable<string> {
  return {
    name: keyGuards.name,
    columns: [
      { name: 'pipeline', type: 'text', of: () => pipeline },
      { name: 'key', type: 'text', of: (key) => key },
    ],
    key: keyGuards.key,
    version: [],
  }
}
