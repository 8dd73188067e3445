/** A table's name in two parts. Without a schema it is found by the search path. */
export interface TableName {
  readonly schema?: string
  readonly table: string
}

/**
 * `orders`, `sales.orders`, `"sales.eu".orders`: a part that has a dot stands in quotes, as in SQL. Otherwise a part is the
 * name itself, in upper and lower case as it is written: `Orders` is not `orders`.
 *
 * @returns undefined where it is no name
 */
export function tableName(text: string): TableName | undefined {
  const parts = /^(?:(?<schema>[^\0".]+|"(?:[^"\0]|"")+")\.)?(?<table>[^\0".]+|"(?:[^"\0]|"")+")$/u.exec(text)
  if (!parts?.groups) return undefined
  const { schema, table = '' } = parts.groups
  const name = { ...(schema === undefined ? {} : { schema: unquoted(schema) }), table: unquoted(table) }
  // PostgreSQL cuts longer names without a word.
  const fits = [name.table, name.schema ?? ''].every((part) => Buffer.byteLength(part) <= maxNameBytes)
  return fits ? name : undefined
}

export const maxNameBytes = 63

function unquoted(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part
}
