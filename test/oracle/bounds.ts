/** What a replica may hold at one moment, and what it holds. */
export interface Bounds {
  readonly maxMessages: number
  readonly maxBytes: number
}
export interface Load {
  readonly messages: number
  readonly bytes: number
}

/** One message larger than the byte bound may be held alone, or it would never pass. */
export function loadBreaches(who: string, { messages, bytes }: Load, bounds: Bounds): string[] {
  const breaches: string[] = []
  if (messages > bounds.maxMessages) {
    breaches.push(`${who} holds too many messages: ${messages} of ${bounds.maxMessages}`)
  }
  if (messages > 1 && bytes > bounds.maxBytes) {
    breaches.push(`${who} holds too many bytes: ${bytes} of ${bounds.maxBytes}`)
  }
  return breaches
}

/** Statements of the table under way at one moment, as the replica sees it. */
export function statementCountBreaches(who: string, statements: number, most: number): string[] {
  return statements > most ? [`${who} runs too many statements: ${statements} of ${most}`] : []
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
