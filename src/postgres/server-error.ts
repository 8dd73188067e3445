// What may be shown of an error that PostgreSQL sends. Logs and tables must not contain a row's values, and much of what
// a server sends may quote them: data exceptions do, a trigger's RAISE has the text and SQLSTATE that its author chose, an
// extension passes on the text of another server. So a message is shown only where its SQLSTATE is known to quote nothing
// but names and only the server itself can have raised it. Of all others the SQLSTATE is shown, its name in the standard,
// and the names of the table, the column, the constraint and the function. Details, hints and contexts, which quote rows
// and parameters, are never shown.
import pg from 'pg'
import { plainLine } from '#core/plain.ts'

/** SQLSTATEs whose messages quote names and sizes, no values; a shorter one stands for all that begin with it. */
const freeOfValues: readonly string[] = [
  '08', // connection exceptions; all that PgBouncer says
  '0A000', // feature not supported, cached plan must not change result type
  '21000', // ON CONFLICT DO UPDATE command cannot affect row a second time
  '23', // integrity constraints: the values stand in the detail
  '25', // invalid transaction state: a standby
  '26000', // prepared statement does not exist
  '28', // invalid authorization
  '3D000', // database does not exist
  '40', // deadlock, serialization failure
  '42501', // insufficient privilege: the name of the table
  '42P05', // prepared statement exists already
  '42P07', // table exists already, said of migrations
  '42P10', // no unique constraint for ON CONFLICT
  '44000', // with check option
  '53', // insufficient resources
  '54', // program limits: sizes, and the name of the index
  '55', // lock not available, object in use
  '57', // operator intervention, statement timeout
  '58', // system errors
  'XX001', // corrupted data: the file and the block
  'XX002', // corrupted index: its name
]

/** What the appendix of PostgreSQL's manual calls them; the most specific first. */
const conditions: readonly (readonly [sqlstate: string, words: string])[] = [
  ['08', 'connection exception'],
  ['0A', 'feature not supported'],
  ['22001', 'string data too long'],
  ['22003', 'numeric value out of range'],
  ['22007', 'invalid datetime format'],
  ['22008', 'datetime field overflow'],
  ['22021', 'character not in repertoire'],
  ['22P02', 'invalid text representation'],
  ['22P05', 'untranslatable character'],
  ['22', 'data exception'],
  ['23502', 'not-null violation'],
  ['23503', 'foreign key violation'],
  ['23505', 'unique violation'],
  ['23514', 'check violation'],
  ['23P01', 'exclusion violation'],
  ['23', 'integrity constraint violation'],
  ['25', 'invalid transaction state'],
  ['28', 'invalid authorization'],
  ['40P01', 'deadlock detected'],
  ['40', 'transaction rolled back'],
  ['42501', 'insufficient privilege'],
  ['42P01', 'undefined table'],
  ['42703', 'undefined column'],
  ['42', 'syntax error or access rule violation'],
  ['53', 'insufficient resources'],
  ['54', 'program limit exceeded'],
  ['55P03', 'lock not available'],
  ['57014', 'query canceled'],
  ['57P01', 'terminated by an administrator or a shutdown'],
  ['57', 'operator intervention'],
  ['58', 'system error'],
  ['XX', 'internal error'],
]

const maxTextLength = 300
const maxNameLength = 63

type ServerError = Pick<
  pg.DatabaseError,
  'code' | 'message' | 'where' | 'table' | 'column' | 'constraint' | 'routine' | 'file' | 'position'
>

/** What went wrong, on one line. */
export function textOf(error: ServerError): string {
  const { code = '', message, where = '' } = error
  const name = functionIn(where)
  if (isRaised(error)) return `rejected by ${name ?? 'a trigger or function'}`
  // A context may be that of a function, in any of the server's languages.
  const isFree = isOfStatement(error) || freeOfValues.some((prefix) => code.startsWith(prefix))
  if (where === '' && isFree) return plainLine(message, maxTextLength)
  const condition = conditions.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'an error of the server'
  return name === undefined ? condition : `${condition} in ${name}`
}

/** ` (table t, column c, constraint x)`; empty where the error has no names. */
export function namesIn(error: ServerError, where: string): string {
  // Who raises an error writes these fields, too.
  if (isRaised(error)) return ''
  const names = [
    ['table', /[ .]([^ .]+)$/.exec(where)?.[1] === error.table ? undefined : error.table],
    ['column', error.column],
    ['constraint', error.constraint],
  ].flatMap(([kind, name]) => (name === undefined ? [] : `${kind} ${plainLine(name, maxNameLength)}`))
  return names.length > 0 ? ` (${names.join(', ')})` : ''
}

/**
 * The parser says it of our own statement, which holds no values. Without a position it may be a cast to a name or to a
 * little language (`regclass`, `tsquery`) in a check or an index, which quotes what a row holds.
 */
export function isOfStatement({ code = '', position }: Pick<ServerError, 'code' | 'position'>): boolean {
  return position !== undefined && (code.startsWith('42') || code === '3F000')
}

/** Raised by a function and not by the server: known for PL/pgSQL; other languages have files of such names. */
export function isRaised({ code, routine, file }: Pick<ServerError, 'code' | 'routine' | 'file'>): boolean {
  return code?.startsWith('P0') === true || routine === 'exec_stmt_raise' || /^pl(?!an)/.test(file ?? '')
}

/**
 * The innermost function of a context, where that is written as PL/pgSQL writes it, in whatever language. Only the first
 * line is looked at: a statement that a function has built may stand there, too, values and all.
 */
function functionIn(where: string): string | undefined {
  const [, name] = /^PL\/pgSQL\S*(?: \S+)? ([A-Za-z_][\w$.]*\([\w ,.[\]]*\))/.exec(where) ?? []
  return name === undefined ? undefined : plainLine(name, 2 * maxNameLength)
}

/** A client whose server errors contain only what may be shown, wherever they end up. */
export class DiscreetClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config)
    // Before the client itself receives it, and so before any other listener.
    const { connection } = this as unknown as { readonly connection: NodeJS.EventEmitter }
    connection.prependListener('errorMessage', makeDiscreet)
  }
}

function makeDiscreet(error: pg.DatabaseError): void {
  const { message, code, stack } = error
  const text = textOf(error)
  error.message = text === message ? text : `${text} [${code}]${namesIn(error, '')}`
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message)
  const raised = isRaised(error) ? ['table', 'column', 'constraint'] : []
  for (const name of ['detail', 'hint', 'internalQuery', ...raised]) Reflect.deleteProperty(error, name)
  // Still needed to see where an error comes from, but in no printed object.
  Object.defineProperty(error, 'where', { enumerable: false })
}
