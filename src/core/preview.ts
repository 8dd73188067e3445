/**
 * A value as shown to users: its JSON, cut; never more than the beginning of a payload. In ASCII, so that it can be
 * stored and printed anywhere, and what is invisible or looks like something else is seen.
 */
export function preview(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
  const cut = text.length > 60
  const shown = ascii(cut ? text.slice(0, 60) : text)
  return cut ? `${shown}... (${text.length} characters)` : shown
}

/** Everything beyond ASCII as `\u65e5`, as JSON writes it. */
export function ascii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
