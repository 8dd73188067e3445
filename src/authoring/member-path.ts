import { pathText } from '#pipeline/mapping/path.ts'

/** The path of a message's member. Undefined: none may name it. */
export function memberPath(name: string): string | undefined {
  return name === '__proto__' ? undefined : pathText({ from: 'element', segments: [name] })
}
