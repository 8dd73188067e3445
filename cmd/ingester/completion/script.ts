import { readFileSync } from 'node:fs'
import type { Node, Offer, Value } from './tree.ts'

export const shells = ['bash', 'zsh'] as const
export type Shell = (typeof shells)[number]

/** The script that a shell reads to complete the command line: the tables, how to look things up, the shell's own part. */
export function completionScript(shell: Shell, nodes: readonly Node[]): string {
  // zsh knows by the first line whose completion a file of its $fpath is.
  const head = shell === 'zsh' ? '#compdef ingester' : '# Completion of ingester for bash.'
  return [head, commandTable(nodes), valueTable(nodes), part('lookup.sh'), part(`${shell}.sh`)].join('\n\n')
}

function part(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8').trimEnd()
}

/** A function that fails if there is no such command. */
function commandTable(nodes: readonly Node[]): string {
  const rows = nodes.map(
    ({ path, commands, options }) =>
      `    ${quoted(path)})\n      subs=${quoted(lines(commands))}\n      opts=${quoted(lines(options))} ;;`,
  )
  return `# The sub-commands and the options of a command: lines of word:description.
_ingester_command() {
  case $1 in
${rows.join('\n')}
    *) return 1 ;;
  esac
}`
}

/** A function that fails where no value is taken. */
function valueTable(nodes: readonly Node[]): string {
  return `# What a value can be: of an option ("command --option") or of an argument ("command <1>", the first).
_ingester_value() {
  case $1 in
${nodes.flatMap(valueRows).join('\n')}
    *) return 1 ;;
  esac
}`
}

function valueRows({ path, values, arguments: args }: Node): string[] {
  return [
    ...values.flatMap(({ names, value }) =>
      names.map((name) => `    ${quoted(`${path} ${name}`)}) ${assigned(value)} ;;`),
    ),
    ...args.map(({ value, repeated }, at) => {
      const pattern = repeated ? `${quoted(`${path} <`)}*` : quoted(`${path} <${at + 1}>`)
      return `    ${pattern}) ${assigned(value)} ;;`
    }),
  ]
}

function assigned(value: Value): string {
  if (typeof value === 'string') return `wanted=${value}`
  return `wanted=words offers=${quoted(value.join('\n'))}`
}

function lines(offers: readonly Offer[]): string {
  return offers.map(({ word, description }) => `${word}:${description.replaceAll(/\s+/g, ' ')}`).join('\n')
}

/** For a shell to take as it stands. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
