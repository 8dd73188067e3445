import type { MemberPath, Place } from './mapping-error.ts'

/** What a file says, with the place of each member: what YAML and JSON have in common. */
export type SourceNode = { readonly offset: number } & (
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, SourceNode> }
  | { readonly kind: 'list'; readonly elements: readonly SourceNode[] }
  /** As JSON, in which numbers have the digits of the file. */
  | { readonly kind: 'scalar'; readonly value: string | number | boolean | null; readonly json: string }
  /** Something is wrong with it that has been said. */
  | { readonly kind: 'faulty' }
)

/** Its numbers are JavaScript's. Objects have no prototype, so that no name of a member means anything else. */
export function plainValue(node: SourceNode): unknown {
  switch (node.kind) {
    case 'object': {
      const object: Record<string, unknown> = Object.create(null)
      for (const [name, member] of node.members) object[name] = plainValue(member)
      return object
    }
    case 'list':
      return node.elements.map(plainValue)
    case 'scalar':
      return node.value
    case 'faulty':
      return null
  }
}

/** Its numbers keep the digits that the file has. */
export function jsonText(node: SourceNode): string {
  switch (node.kind) {
    case 'object': {
      const members = [...node.members].map(([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`)
      return `{${members.join(',')}}`
    }
    case 'list':
      return `[${node.elements.map(jsonText).join(',')}]`
    case 'scalar':
      return node.json
    case 'faulty':
      return 'null'
  }
}

export function nodeAt(root: SourceNode, path: MemberPath): SourceNode | undefined {
  const { node, isExact } = nearest(root, path)
  return isExact ? node : undefined
}

/** The member, or the nearest one above it that exists. */
export function nearest(root: SourceNode, path: MemberPath): { node: SourceNode; isExact: boolean } {
  let node = root
  for (const part of path) {
    const next = childOf(node, part)
    if (next === undefined) return { node, isExact: false }
    node = next
  }
  return { node, isExact: true }
}

function childOf(node: SourceNode, part: string | number): SourceNode | undefined {
  if (node.kind === 'object') return node.members.get(String(part))
  return node.kind === 'list' && typeof part === 'number' ? node.elements[part] : undefined
}

/** From an offset in a text to its line and column. */
export function placesIn(text: string): (offset: number) => Place {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((starts[middle] as number) <= offset) low = middle
      else high = middle
    }
    return { line: low + 1, column: offset - (starts[low] as number) + 1 }
  }
}
