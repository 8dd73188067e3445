import { ConfigurationError } from '#core/command-error.ts'
import type { Queryable } from './queryable.ts'
import { advice, option } from '#core/advice.ts'

/**
 * A database of another encoding than UTF8 has no place for most characters: one message that has such a character would
 * be rejected for ever, and so might its dead letter.
 */
export function isEncodingFit(encoding: string): boolean {
  return encoding === 'UTF8' || isUnchecked(encoding)
}

/** SQL_ASCII is not an encoding: it stores every byte as it is, which is UTF-8 here, without checks. */
function isUnchecked(encoding: string): boolean {
  return encoding === 'SQL_ASCII'
}

export function encodingFault(encoding: string): string {
  return `the database has the encoding ${encoding}, which cannot store every text: it must be UTF8`
}

export const encodingAdvice = advice`create another database with ENCODING 'UTF8' TEMPLATE template0, and set ${option('postgres.database')} to it`

/** Undefined where there is nothing to warn of. */
export function encodingWarning(encoding: string): string | undefined {
  if (!isUnchecked(encoding)) return undefined
  return `the database has the encoding ${encoding}: it stores texts as UTF-8, and whatever else others put there`
}

/**
 * Returns a warning, if there is one.
 *
 * @throws ConfigurationError with what to do; whatever the connection throws
 */
export async function checkEncoding(connection: Queryable): Promise<string | undefined> {
  const encoding = await readEncoding(connection)
  if (!isEncodingFit(encoding))
    throw new ConfigurationError(encodingFault(encoding), { fixes: [encodingAdvice] })
  return encodingWarning(encoding)
}

async function readEncoding(connection: Queryable): Promise<string> {
  const { rows } = await connection.query<{ encoding: string }>(
    `SELECT current_setting('server_encoding') AS encoding`,
  )
  return rows[0]?.encoding ?? 'unknown'
}
