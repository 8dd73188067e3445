import { createInterface } from 'node:readline/promises'
import { plain } from '#core/plain.ts'
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

/** Asks for a text; with Enter alone it is the guess. Undefined: Ctrl-C. */
export async function askText(
  question: string,
  guess: string,
  faultOf: (text: string) => string | undefined,
): Promise<string | undefined> {
  const faultText = (given = '') => {
    const fault = given === '' ? undefined : faultOf(given)
    return fault === undefined ? undefined : `It ${fault}.`
  }
  if (!canMove(process.stderr, terminalType())) {
    const given = await lineOf(`${question} [${guess}] `)
    const fault = faultText(given)
    if (given === undefined || fault === undefined) return given === '' ? guess : given
    console.error(fault)
    return askText(question, guess, faultOf)
  }
  const { text } = await import('@clack/prompts')
  const given = await text({
    message: question,
    placeholder: guess,
    defaultValue: guess,
    validate: faultText,
    output: process.stderr,
  })
  return typeof given === 'string' ? given : undefined
}

/** Asks for one of several. Undefined: Ctrl-C. */
export async function askWhich(
  question: string,
  choices: readonly { readonly name: string; readonly hint: string }[],
): Promise<string | undefined> {
  if (!canMove(process.stderr, terminalType())) {
    const listed = choices.map(({ name, hint }) => `${name} (${hint})`).join(', ')
    const given = await lineOf(`${question} ${listed}: `)
    if (given === undefined || choices.some(({ name }) => name === given)) return given
    return askWhich(question, choices)
  }
  const { select } = await import('@clack/prompts')
  const options = choices.map(({ name, hint }) => ({
    value: name,
    label: plain(name, 'one line'),
    hint: plain(hint, 'one line'),
  }))
  const given = await select({ message: question, options, output: process.stderr })
  return typeof given === 'string' ? given : undefined
}

async function askInLine(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await lineOf(`${question} [y/N] `)) ?? '')
}

/** For a terminal that cannot move its cursor. Undefined: the input ended, or Ctrl-C. */
async function lineOf(prompt: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
  const ended = new AbortController()
  const end = () => ended.abort()
  lines.once('close', end)
  process.once('SIGINT', end)
  try {
    return (await lines.question(prompt, { signal: ended.signal })).trim()
  } catch {
    return undefined
  } finally {
    process.off('SIGINT', end)
    lines.close()
  }
}
