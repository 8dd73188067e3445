import { textOf } from '../support/simulated-source.ts'
import type { World } from '../support/world.ts'

/**
 * The rows that must stand there: of each key the newest of all that was delivered and not buried, or put there by
 * somebody else. Reckoned from texts alone, with an order of its own.
 */
export function newestRows({ source, letters, rivals }: World): string[] {
  const buried = new Set(letters.stored.map(({ delivery }) => delivery))
  const texts = source.delivered.filter((delivery) => !buried.has(delivery)).map(textOf)
  const newest = new Map<string, string>()
  for (const text of [...texts, ...rivals]) {
    const words = text.split(' ')
    const key = words[0] ?? ''
    if (words.length !== 3) throw new Error(`${text}: neither a row nor buried`)
    const standing = newest.get(key)
    if (standing === undefined || rank(text) > rank(standing)) newest.set(key, text)
  }
  return [...newest.values()].sort()
}

/** Ordered as the records are: digits of fixed width, then bytes in hexadecimal. */
function rank(text: string): string {
  const [, version = '', content = ''] = text.split(' ')
  return `${version.padStart(20, '0')} ${Buffer.from(content).toString('hex')}`
}
