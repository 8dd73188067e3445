/** The text with this table between `<!-- mark -->` and `<!-- /mark -->`, in place of what stood there. */
export function withTable(text: string, mark: string, table: string): string {
  const [open, close] = [`<!-- ${mark} -->`, `<!-- /${mark} -->`]
  const [from, to] = [text.indexOf(open), text.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`the text lacks ${open} … ${close}`)
  return `${text.slice(0, from + open.length)}\n${table}\n${text.slice(to)}`
}
