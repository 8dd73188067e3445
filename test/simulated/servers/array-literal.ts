/** The elements of a PostgreSQL array literal of one dimension, as text; the reverse of the writer's own. */
export function elementsOf(literal: string): (string | null)[] {
  const elements: (string | null)[] = []
  let at = 1
  while (at < literal.length - 1) {
    if (literal[at] === '"') {
      let text = ''
      for (at += 1; literal[at] !== '"'; at += 1) {
        if (literal[at] === '\\') at += 1
        text += literal[at]
      }
      elements.push(text)
      at += 2
    } else {
      const comma = literal.indexOf(',', at)
      const end = comma < 0 ? literal.length - 1 : comma
      const text = literal.slice(at, end)
      elements.push(text === 'NULL' ? null : text)
      at = end + 1
    }
  }
  return elements
}
