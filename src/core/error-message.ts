/**
 * What a person should read of anything thrown: an error's message, or the thing itself. Connecting to a name with
 * several addresses fails with one error for each, in one that has no message of its own.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && !error.message) return error.errors.map(messageOf).join(', ')
  return error.message.replace(noConnection, '$1') || error.name
}

/** What gRPC wraps the cause of a failed connection in; the note is empty as a rule. */
const noConnection = /No connection established\. Last error: (?:Error: )?(.+)\. Resolution note: ?$/s
