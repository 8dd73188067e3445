/** What a terminal obeys, breaks a line at, or hides: C0 and C1 controls, formats such as bidi overrides, separators. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** A line of JSON without its newline, in which only escapes stand for such characters; JSON itself asks for C0 alone. */
export function escapeControls(json: string): string {
  return json.replace(unsafe, (one) =>
    Array.from(
      { length: one.length },
      (_, i) => `\\u${one.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}

/** The same for console output: its strings, once parsed, show the escapes instead of what they stand for. */
export function showEscapes(json: string): string {
  return escapeControls(json).replace(/\\(?:u[\da-f]{4}|.)/gi, (escape) =>
    /[\\"/]$/.test(escape) ? escape : `\\${escape}`,
  )
}
