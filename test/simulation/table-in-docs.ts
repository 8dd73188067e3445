const open = '<!-- simulation -->'
const close = '<!-- /simulation -->'

/** The text with this table between the marks, in place of what stood there. */
export function withTable(text: string, table: string): string {
  const [from, to] = [text.indexOf(open), text.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`the text lacks ${open} … ${close}`)
  return `${text.slice(0, from + open.length)}\n${table}\n${text.slice(to)}`
}
