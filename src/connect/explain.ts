import type { Advice, Problem } from '#core/advice.ts'
import { messageOf } from '#core/error-message.ts'
import { fixesOf } from '#core/explained-error.ts'
import { shellWord } from '#core/fix.ts'
import { programName } from '#runtime/program-name.ts'
import { variables } from './option-variables.ts'

/** A command line of `bin/ingester`, with the env file that the current command has read. */
export function commandLine(args: string, envFile?: string): string {
  return `${programName} ${args}${envFile === undefined ? '' : ` --env-file ${shellWord(envFile)}`}`
}

/** Renders text for users: with variables for options, and whole command lines. */
export function adviceText({ words }: Pick<Advice, 'words'>, envFile?: string): string {
  return words
    .map((word) => {
      if (typeof word === 'string') return word
      return 'option' in word ? variables[word.option] : commandLine(word.command, envFile)
    })
    .join('')
}

/** What is wrong, then what to do. */
export function problemText({ message, fixes }: Problem, envFile?: string): string {
  if (fixes.length === 0) return message
  // Libraries end their messages with a full stop.
  return [message.replace(/\.$/, ''), ...fixes.map((fix) => adviceText(fix, envFile))].join('; ')
}

/** What a person should read of anything thrown. */
export function explain(error: unknown, envFile?: string): string {
  return problemText({ message: messageOf(error), fixes: fixesOf(error) }, envFile)
}
