import pg from 'pg'
import { messageOf } from '#core/error-message.ts'
import type { Advice } from '#core/advice.ts'
import { advice, option } from '#core/advice.ts'
import { plainLine } from '#core/plain.ts'
import { isCertificateRefused } from '#core/certificate-problem.ts'
import type { FailureClass } from '#core/write-failure.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { bareName, identifier } from './identifier.ts'
import { appliedMessages } from './needed-tables.ts'
import { isRefusedByPooler } from './pooler-refusal.ts'
import { isOfStatement, isRaised, namesIn, textOf } from './server-error.ts'

/**
 * SQLSTATEs by what they mean to us, the most specific first; a two-digit one stands for its whole class.
 * https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
const classes: readonly (readonly [sqlstate: string, FailureClass])[] = [
  ['42P01', 'schema-drift'], // undefined_table
  ['42703', 'schema-drift'], // undefined_column
  ['42704', 'schema-drift'], // undefined_object
  ['42804', 'schema-drift'], // datatype_mismatch
  ['42P10', 'schema-drift'], // no unique constraint for ON CONFLICT
  ['3F000', 'schema-drift'], // invalid_schema_name
  ['42501', 'no-rights'], // insufficient_privilege
  ['28', 'no-rights'], // invalid authorization
  ['3D000', 'no-rights'], // database does not exist
  ['55P03', 'locked'], // lock_not_available
  ['40', 'conflict'], // deadlock_detected, serialization_failure
  ['26000', 'conflict'], // prepared statement does not exist: again, on a connection that prepares it again
  ['42P05', 'conflict'], // prepared statement exists already: likewise
  ['0A000', 'conflict'], // cached plan must not change result type: likewise
  ['57014', 'too-big'], // query_canceled, by statement_timeout
  ['25P04', 'too-big'], // transaction_timeout
  ['25P03', 'infrastructure'], // idle_in_transaction_session_timeout
  ['25006', 'infrastructure'], // read_only_sql_transaction: a standby
  ['08', 'infrastructure'], // connection exceptions
  ['53', 'infrastructure'], // insufficient resources
  ['57P', 'infrastructure'], // operator intervention
  ['58', 'infrastructure'], // system errors
  ['22', 'bad-row'], // data exceptions
  ['23', 'bad-row'], // constraint violations
  ['54', 'bad-row'], // program limits: an index entry too large
  ['P0001', 'bad-row'], // raise_exception: a trigger refuses the row
]

const maxMessageLength = 300

const fixes: Partial<Record<FailureClass, Advice>> = {
  // Of the project's own tables; `table-advice.ts` has that for others.
  'schema-drift': advice`the table must match db/migrations: run \`migrate up\`, or undo the manual change`,
  'no-rights': advice`check ${option('postgres.user')}, ${option('postgres.password')} and ${option('postgres.database')}, and the grants in docs/OPERATIONS.md`,
}

/**
 * What an error of node-postgres means to the engine. The message names the place, and no values
 * ({@link textOf}); the server's error, which may hold them, does not become the cause.
 *
 * @param table the one that is written to, where a row of it may be to blame
 */
export function asWriteFailure(error: unknown, where: string, table?: string): WriteFailure {
  const { failureClass, code } = classify(error)
  const fromServer = error instanceof pg.DatabaseError
  const what = fromServer ? textOf(error) : plainLine(messageOf(error), maxMessageLength)
  const names = fromServer ? namesIn(error, where) : ''
  const isPartitionAway = failureClass === 'schema-drift' && isMissingPartition(error)
  const fix = isPartitionAway ? partitionAdvice(error) : fixes[failureClass]
  const explained = fix ? { fixes: [fix] } : {}
  const message = `${where}: ${what}${code ? ` [${code}]` : ''}${names}`
  if (!fromServer) return new WriteFailure(failureClass, message, code, { ...explained, cause: error })
  return new WriteFailure(failureClass, message, code, { ...explained, ownFault: isOwnFault(error, table) })
}

/**
 * Whether a row's own values alone decided: a data exception, a missing value, a check of the table. A foreign key, a
 * unique or an exclusion constraint depend on other rows. A missing partition is a check without a name. Whatever
 * happens inside a function, which may look anywhere, comes with a context, in the server's language; so does the number
 * of a parameter, which is not used further, since few servers send it.
 */
function isOwnFault({ code, where, table, constraint }: pg.DatabaseError, target?: string): boolean {
  if (where !== undefined && where !== '') return false
  if (code?.startsWith('22')) return true
  if (target === undefined || table !== bareName(target)) return false
  return code === '23502' || (code === '23514' && constraint !== undefined)
}

/** The server says it as of a check without a name. It is nobody's fault but the table's: no row is to be dead-lettered for it. */
function isMissingPartition(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && error.code === '23514' && error.routine === 'ExecFindPartition'
}

function partitionAdvice({ schema, table = '' }: pg.DatabaseError): Advice {
  const of = schema === undefined ? identifier(table) : `${identifier(schema)}.${identifier(table)}`
  const one = schema === undefined ? '' : `${identifier(schema)}.`
  return advice`as its owner, create the partition, or one for all others: ${`CREATE TABLE ${one}${identifier(`${table}_default`)} PARTITION OF ${of} DEFAULT;`}`
}

/** Prepared statements belong to a connection: one whose statement is stale is dropped. */
const staleStatement = new Set(['26000', '42P05', '0A000'])

/** After these the connection is not to be used again. Others leave it as good as before. */
export function breaksConnection({ class: failureClass, code }: WriteFailure): boolean {
  return failureClass === 'infrastructure' || failureClass === 'unknown' || staleStatement.has(code ?? '')
}

/** As {@link breaksConnection}, of a query that is not a prepared statement. Server errors leave the connection usable. */
export function losesConnection(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || classify(error).failureClass === 'infrastructure'
}

/** A query got no answer: its connection is broken or silent. */
export function isUnanswered(error: unknown): boolean {
  return (
    !(error instanceof pg.DatabaseError) &&
    !(error instanceof WriteFailure) &&
    classify(error).failureClass === 'infrastructure'
  )
}

function classify(error: unknown): { failureClass: FailureClass; code: string | undefined } {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (error instanceof pg.DatabaseError) {
    // A day of our own is attached while statements run: one that was planned before finds it the next time.
    if (isMissingPartition(error))
      return { failureClass: error.table === appliedMessages.name ? 'conflict' : 'schema-drift', code }
    const known = code === undefined ? undefined : classes.find(([prefix]) => code.startsWith(prefix))
    const failureClass = known?.[1] ?? 'unknown'
    return { failureClass: mayBeOneRows(error, failureClass) ? 'bad-row' : failureClass, code }
  }
  // The password did not fit the server's way of asking for it: an empty one, for instance.
  if (messageOf(error).startsWith('SASL: ')) return { failureClass: 'no-rights', code }
  // Everything else that node-postgres reports comes from its sockets and time-outs.
  if (code !== undefined || isConnectionError(error)) return { failureClass: 'infrastructure', code }
  return { failureClass: 'unknown', code }
}

/**
 * An error that a trigger, a policy or a check raises for one row must not stop the others, whatever its SQLSTATE: the
 * row is searched for, and where it is every row the search ends in schema drift.
 */
function mayBeOneRows(error: pg.DatabaseError, failureClass: FailureClass): boolean {
  if (failureClass !== 'unknown' && isRaised(error)) return true
  const code = error.code ?? ''
  const isOfNames = code.startsWith('42') || code === '3F000'
  if (!isOfNames || code === '42P05' || code === '42P10') return false
  if ((error.where ?? '') !== '' || error.routine === 'ExecWithCheckOptions') return true
  return code !== '42501' && !isOfStatement(error)
}

/** node-postgres gives these no code. */
function isConnectionError(error: unknown): boolean {
  return /timeout|terminated|ended|not queryable|connection/i.test(messageOf(error))
}

/**
 * At start, no waiting fixes these: wrong password, no such role or database, no TLS, a certificate of others, a pooler
 * that does not take what we ask for.
 */
export function isRefusedForGood(error: unknown): boolean {
  return (
    classify(error).failureClass === 'no-rights' ||
    isWithoutTls(error) ||
    isCertificateRefused(error) ||
    isRefusedByPooler(error)
  )
}

/** TLS is wanted, and the server has none: node-postgres gives it no code. */
export function isWithoutTls(error: unknown): boolean {
  return /server does not support SSL/.test(messageOf(error))
}

/**
 * The server, or a pooler in front of it, does not want this connection besides those that it has: their number, or the
 * role's rights. One that starts or stops (57P) needs none.
 */
export function refusesAnother(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !error.code?.startsWith('57P')
}

/** The database was not reached, or did not let us in. */
export function isConnectionFailure(error: unknown): boolean {
  const { failureClass } = classify(error)
  return failureClass === 'infrastructure' || failureClass === 'no-rights'
}
