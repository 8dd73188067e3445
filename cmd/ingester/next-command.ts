import { shellWord } from '#core/fix.ts'
import { programName } from '#runtime/program-name.ts'

/** Those that read an env file, where a text of ours tells people to run them. */
const commands = new RegExp(
  `\\b${programName} (?:run|doctor|why|cache bump|migrate (?:up|down|status)|dead-letters (?:list|show|redrive|discard))\\b(?![^\\n;\`]*--env-file)`,
  'g',
)

/** A text in which every command that it tells people to run reads the env file that this one has read. */
export function withEnvFile(text: string, envFile: string | undefined): string {
  if (envFile === undefined) return text
  return text.replaceAll(commands, (command) => `${command} --env-file ${shellWord(envFile)}`)
}
