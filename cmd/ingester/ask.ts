import { createInterface } from 'node:readline/promises'
import { canMove, terminalType } from './screen.ts'

/** Whether there is a terminal on which the user can be asked. */
export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** Asks on stderr; Ctrl-C is a no. */
export async function askWhether(question: string): Promise<boolean> {
  if (!canMove(process.stderr, terminalType())) return askInLine(question)
  const { confirm } = await import('@clack/prompts')
  return (await confirm({ message: question, initialValue: false, output: process.stderr })) === true
}

/** For a terminal that cannot move its cursor. */
async function askInLine(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
  const ended = new AbortController()
  const end = () => ended.abort()
  lines.once('close', end)
  process.once('SIGINT', end)
  try {
    return /^\s*y(es)?\s*$/i.test(await lines.question(`${question} [y/N] `, { signal: ended.signal }))
  } catch {
    // The input ended, or Ctrl-C.
    return false
  } finally {
    process.off('SIGINT', end)
    lines.close()
  }
}
