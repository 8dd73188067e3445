// The oracle: what must be in the table after a workload, by count and checksum, since reading ten million rows takes
// longer than writing them. The checksum is a sum of the rows' hashes, a row's text being the same here and in SQL: one
// row that is missing, extra or different changes it.
import { hash } from 'node:crypto'
import type pg from 'pg'
import type { Scan } from '#demo/scans/scan.ts'
import type { Workload } from './workload.ts'
import { firstVersion, keysOf, scanOf, versionOf } from './workload.ts'

export interface Checksum {
  readonly rows: number
  /** Sums of 28 bits each of the rows' MD5: exact up to 33 million rows. */
  readonly first: number
  readonly second: number
}

const restEvery = 50_000
/** Ten million rows take half a minute; signals are handled in between. */
const rest = () => new Promise((resolve) => setImmediate(resolve))

/** The newest version of each key that was published or was there before. */
export async function expectedChecksum(workload: Workload): Promise<Checksum> {
  const none = -1
  const newest = new Int32Array(keysOf(workload)).fill(none).fill(firstVersion, 0, workload.tableRows)
  for (let i = 0; i < workload.messages; i += 1) {
    const { key, version } = versionOf(workload, i)
    if (version > (newest[key] as number)) newest[key] = version
    if (i % restEvery === 0) await rest()
  }
  const sum = { rows: 0, first: 0, second: 0 }
  for (let key = 0; key < newest.length; key += 1) {
    if (key % restEvery === 0) await rest()
    const version = newest[key] as number
    if (version === none) continue
    const digest = hash('md5', textOf(scanOf({ key, version }, workload.responseBytes)))
    sum.rows += 1
    sum.first += Number.parseInt(digest.slice(0, 7), 16)
    sum.second += Number.parseInt(digest.slice(8, 15), 16)
  }
  return sum
}

function textOf({ ip, port, service, timestamp, response }: Scan): string {
  return `${ip} ${port} ${service} ${timestamp} ${response}`
}

const bits = (from: number) =>
  `coalesce(sum(('x' || substr(digest, ${from}, 7))::bit(28)::integer), 0)::float8`

/** The same of the table as it is. */
export async function tableChecksum(sql: pg.Client): Promise<Checksum> {
  const { rows } = await sql.query<Checksum>(
    `SELECT count(*)::float8 AS rows, ${bits(1)} AS first, ${bits(9)} AS second
     FROM (SELECT md5(concat_ws(' ', host(ip), port, service, extract(epoch FROM last_seen)::bigint, response)) AS digest
           FROM scan_results) AS rows`,
  )
  return rows[0] as Checksum
}

/**
 * Compares the table with what must be there; nothing may be dead-lettered either.
 *
 * @throws Error that says what is wrong
 */
export async function checkTable(sql: pg.Client, expected: Checksum): Promise<void> {
  const found = await tableChecksum(sql)
  const deadLetters = Number((await sql.query('SELECT count(*) AS count FROM dead_letters')).rows[0].count)
  if (deadLetters > 0) throw new Error(`the table is wrong: ${deadLetters} messages were dead-lettered`)
  if (found.rows !== expected.rows) {
    throw new Error(`the table is wrong: it has ${found.rows} rows and should have ${expected.rows}`)
  }
  if (found.first !== expected.first || found.second !== expected.second) {
    throw new Error(
      `the table is wrong: it has the ${found.rows} rows that it should have, but not all with the newest content`,
    )
  }
}
