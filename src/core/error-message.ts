/**
 * What a person should read of anything thrown: an error's message, or the thing itself. Connecting to a name with
 * several addresses fails with one error for each, in one that has no message of its own. Never throws, whatever a module
 * has thrown.
 */
export function messageOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error)
    if (error instanceof AggregateError && !error.message) return error.errors.map(messageOf).join(', ')
    const { message }: { readonly message: unknown } = error
    return String(message).replace(noConnection, '$1') || error.name
  } catch {
    return 'something that has no text was thrown'
  }
}

/** What gRPC wraps the cause of a failed connection in; the note is empty as a rule. */
const noConnection = /No connection established\. Last error: (?:Error: )?(.+)\. Resolution note: ?$/s
