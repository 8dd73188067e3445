import pg from 'pg'
import { refusedByDatabase } from '#core/dead-letter.ts'
import { columnType } from '#core/column-type.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import { columnNamed, restOf } from '#core/pipeline.ts'
import type { RefusedRecord } from '#core/sink.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { arrayLiteral } from '../array-literal.ts'
import { selected } from '../column-sql.ts'
import type { Connections } from '../connection-pool.ts'
import { quotedTable } from '../identifier.ts'
import { runStatement } from '../statement.ts'
import type { TableShape } from '../table-shape.ts'
import { statementName } from '../upsert.ts'
import { elementType } from './effects.ts'
import { identityValues } from './identity-values.ts'

/** SQLSTATE of a sum that its column cannot hold. https://www.postgresql.org/docs/18/errcodes-appendix.html */
export const outOfRange = '22003'

/**
 * Finds the records that have no room in the sums of their keys: each would make one greater, or less, than its column can
 * hold. A statement fails for one of them with all of its batch, and a key whose sum is at its limit would have every batch
 * searched by halves (seen: 330 records a second).
 *
 * What it finds is a fact, as of one snapshot: the record has not counted, and could not count. A sum that has room, and not
 * for all records of a batch, is left to the search.
 */
export class Room<R> {
  readonly #pool: Connections
  readonly #table: PostgresTable<R>
  readonly #pipeline: string

  constructor(pool: Connections, table: PostgresTable<R>, pipeline: string) {
    this.#pool = pool
    this.#table = table
    this.#pipeline = pipeline
  }

  /**
   * The records without room, by their positions.
   *
   * @param shape of the table, whose columns may be wider than the pipeline's. Undefined: they are as that has them
   * @throws WriteFailure
   */
  async refused(records: readonly KeyedRecord<R>[], shape: TableShape | undefined): Promise<RefusedRecord[]> {
    const text = withoutRoomSql(this.#table, shape)
    if (text === undefined) return []
    const { columns, name } = this.#table
    const values = [
      ...identityValues(records),
      this.#pipeline,
      ...columns.map((column) => arrayLiteral(records.map(({ row }) => column.of(row)))),
    ]
    const statement = { name: statementName('room', text), text, values }
    const where = `table ${name}`
    const { rows } = await runStatement<{ at: number }>(this.#pool, statement, where)
    const failure = new WriteFailure(
      'bad-row',
      `${where}: the sum would be out of range [${outOfRange}]`,
      outOfRange,
    )
    return rows.map(({ at }) => ({ at, reason: refusedByDatabase, failure }))
  }
}

/** Undefined where no column has a limit. */
function withoutRoomSql<R>(table: PostgresTable<R>, shape: TableShape | undefined): string | undefined {
  const { columns, key } = table
  const read = columns.map((column, at) => {
    const value = `(g."ingester value ${at + 1}")::${elementType(column)}`
    return `${value} AS ${pg.escapeIdentifier(column.name)}`
  })
  const beyond = restOf(table).flatMap(({ name, type }) => {
    const limits = limitsOf(shape?.columns[name]?.type ?? type)
    const column = pg.escapeIdentifier(name)
    return limits ? [`coalesce(t.${column}, 0)::numeric + r.${column}::numeric NOT BETWEEN ${limits}`] : []
  })
  if (beyond.length === 0) return undefined
  const own = ['at', 'request', 'message', 'published', 'index'].map((one) => `"ingester ${one}"`)
  const given = columns.map((_, at) => `"ingester value ${at + 1}"`)
  const parameters = ['$1::integer[]', '$2::text[]', '$3::text[]', '$4::bigint[]', '$5::integer[]']
  const values = columns.map((_, at) => `$${at + 7}::text[]`)
  const isKey = key.map((one) => `t.${pg.escapeIdentifier(one)} = ${selected(columnNamed(table, one))}`)
  return `SELECT r."ingester at" AS at
FROM (SELECT g.*, ${read.join(', ')}
      FROM unnest(${[...parameters, ...values].join(', ')}) AS g(${[...own, ...given].join(', ')})) AS r
JOIN ${quotedTable(table.name)} AS t ON ${isKey.join(' AND ')}
WHERE (${beyond.join(' OR ')})
  AND NOT EXISTS (SELECT FROM applied_messages AS a
    WHERE r."ingester request" IS NULL AND a.pipeline = $6::text AND a.message_id = r."ingester message"
      AND a.publish_time = timestamptz 'epoch' + r."ingester published" * interval '1 millisecond'
      AND a.record_index = r."ingester index")
  AND NOT EXISTS (SELECT FROM applied_requests AS a
    WHERE a.pipeline = $6::text AND a.request = r."ingester request" AND a.record_index = r."ingester index")
ORDER BY 1`
}

const integerLimits: Readonly<Record<string, string>> = {
  smallint: '-32768 AND 32767',
  integer: '-2147483648 AND 2147483647',
  bigint: '-9223372036854775808 AND 9223372036854775807',
}

/** For BETWEEN. Undefined where there are none, or none that are known. */
function limitsOf(type: string): string | undefined {
  const known = columnType(type)
  if (!known) return undefined
  const [precision, scale = 0] = known.modifiers
  if (known.name !== 'numeric' || precision === undefined) return integerLimits[known.name]
  const greatest = `(10::numeric ^ ${precision - scale} - 10::numeric ^ ${-scale})`
  return `-${greatest} AND ${greatest}`
}
