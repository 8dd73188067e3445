import type { Action, UpsertRule } from './operations.ts'

/** A message as its statements have it. */
export interface Given {
  readonly version: number
  readonly content: string
}

/** One of the actions of a statement. */
export type PartOfStatement = Action & { readonly ifAdmitted?: boolean }

/** A marked row has no content: the model does not know it either. */
export const tables = `
CREATE TABLE sink (key text PRIMARY KEY, version integer NOT NULL, content text COLLATE "C",
  gone boolean NOT NULL DEFAULT false);
CREATE TABLE key_guards (key text PRIMARY KEY, deleted integer)`

/** What `deleteUnlocked` is a model of. */
export const sweepSql = `DELETE FROM key_guards WHERE key IN
  (SELECT key FROM key_guards WHERE deleted IS NOT NULL FOR UPDATE SKIP LOCKED)`

/**
 * The statement of these actions: one, or two of which the first may admit the second.
 *
 * @returns a query that returns a row where the last of them looks and admits, or writes
 */
export function sqlOf([first, second]: readonly PartOfStatement[], given: Given): string {
  if (first === undefined) throw new Error('a statement without an action')
  if (second === undefined) return actionSql(first, given)
  const source = second.ifAdmitted === true ? 'first' : undefined
  return `WITH first AS (${actionSql(first, given)})\n${actionSql(second, given, source)}`
}

function actionSql(action: Action, { version, content }: Given, source?: string): string {
  const [from, using] = source === undefined ? ['', ''] : [` FROM ${source}`, ` USING ${source}`]
  switch (action.what) {
    case 'lock guard':
      return `INSERT INTO key_guards AS g SELECT 'k'${from}
ON CONFLICT (key) DO UPDATE SET deleted = EXCLUDED.deleted WHERE EXCLUDED.deleted > coalesce(g.deleted, 0) RETURNING key`
    case 'enter deletion':
      return `INSERT INTO key_guards AS g SELECT 'k', ${version}${from}
ON CONFLICT (key) DO UPDATE SET deleted = EXCLUDED.deleted
WHERE ${action.where === 'always' ? 'true' : 'EXCLUDED.deleted > coalesce(g.deleted, 0)'} RETURNING key`
    case 'look at guard':
      return `SELECT r.key FROM (SELECT 'k' AS key${from}) AS r
WHERE ${version} ${action.admits === 'newer' ? '>' : '>='} coalesce((SELECT g.deleted FROM key_guards AS g WHERE g.key = r.key), 0)`
    case 'look for row':
      return `SELECT r.key FROM (SELECT 'k' AS key${from}) AS r WHERE (SELECT true FROM sink AS t WHERE t.key = r.key)
${action.admits === 'a row' ? '' : 'OR (SELECT g.deleted FROM key_guards AS g WHERE g.key = r.key) IS NOT NULL'}`
    case 'upsert row':
      return `INSERT INTO sink AS t SELECT 'k', ${version}, '${content}'${from}
ON CONFLICT (key) DO UPDATE SET version = EXCLUDED.version, content = EXCLUDED.content, gone = EXCLUDED.gone
WHERE ${upsertCondition(action.where)} RETURNING key`
    case 'delete row':
      return `DELETE FROM sink AS t${using}
WHERE t.key = 'k' AND ${action.where === 'always' ? 'true' : isNotNewer(version)} RETURNING t.key`
    case 'mark row':
      return `UPDATE sink AS t SET version = ${version}, content = NULL, gone = true${from}
WHERE t.key = 'k' AND ${isNotNewer(version)} RETURNING t.key`
  }
}

function upsertCondition(rule: UpsertRule): string {
  switch (rule) {
    case 'newer':
      return `(EXCLUDED.version, EXCLUDED.content) > (t.version, coalesce(t.content, '')) OR t.gone AND EXCLUDED.version = t.version`
    case 'newer, not over a mark':
      return `EXCLUDED.version > t.version OR NOT t.gone AND EXCLUDED.version = t.version AND EXCLUDED.content > t.content`
    case 'always':
      return 'true'
  }
}

/** A row that the same version has marked stays as it is. */
function isNotNewer(version: number): string {
  return `t.version <= ${version} AND NOT (t.gone AND t.version = ${version})`
}
