export interface Bounds {
  readonly maxMessages: number
  readonly maxBytes: number
  readonly maxStatements: number
}

/** What a replica holds and does at one moment. */
export interface Load {
  readonly messages: number
  readonly bytes: number
  /** Statements of the table under way, as the replica sees it. */
  readonly statements: number
}

/** One message larger than the byte bound may be held alone, or it would never pass. */
export function loadBreaches(who: string, load: Load, bounds: Bounds): string[] {
  const breaches: string[] = []
  const over = (what: string, is: number, most: number) => breaches.push(`${who} ${what}: ${is} of ${most}`)
  if (load.messages > bounds.maxMessages) over('holds too many messages', load.messages, bounds.maxMessages)
  if (load.messages > 1 && load.bytes > bounds.maxBytes)
    over('holds too many bytes', load.bytes, bounds.maxBytes)
  if (load.statements > bounds.maxStatements) {
    over('runs too many statements', load.statements, bounds.maxStatements)
  }
  return breaches
}

/**
 * The keys of one statement: each once, none of them in another statement of the same replica, and no more than a
 * batch and the refused rows that wait for neighbours.
 */
export function statementBreaches(
  who: string,
  keys: readonly string[],
  underWay: ReadonlySet<string>,
  mostKeys: number,
): string[] {
  const breaches: string[] = []
  if (keys.length === 0) breaches.push(`${who} writes nothing`)
  if (keys.length > mostKeys)
    breaches.push(`${who} writes ${keys.length} rows at once, of at most ${mostKeys}`)
  const seen = new Set<string>()
  for (const key of keys) {
    if (seen.has(key)) breaches.push(`${who} has ${key} twice in one statement`)
    if (underWay.has(key)) breaches.push(`${who} is writing ${key} twice at once`)
    seen.add(key)
  }
  return breaches
}
