import { Help } from 'commander'
import type { Argument, Command, Option } from 'commander'

/** What can be offered for a value: paths of files, these words, or nothing (a number, a duration, a name). */
export type Value = 'file' | 'nothing' | readonly string[]

/** A word that can be typed, and what it means. */
export interface Offer {
  readonly word: string
  readonly description: string
}

/** One command of the command line. */
export interface Node {
  /** All its words, the program's name first: `ingester migrate up`. */
  readonly path: string
  readonly commands: readonly Offer[]
  readonly options: readonly Offer[]
  /** Of options that take one, by all that the option is called. */
  readonly values: readonly { readonly names: readonly string[]; readonly value: Value }[]
  /** In their order. A repeated one is the last. */
  readonly arguments: readonly { readonly value: Value; readonly repeated: boolean }[]
}

/** The program and every command below it, hidden ones left out. */
export function nodesOf(command: Command, path = command.name()): Node[] {
  const help = new Help()
  const commands = help.visibleCommands(command)
  const options = help.visibleOptions(command)
  const node: Node = {
    path,
    commands: commands.map((one) => ({ word: one.name(), description: one.summary() || one.description() })),
    options: options.map((one) => ({ word: one.long ?? one.flags, description: one.description })),
    values: options
      .filter(({ required, optional }) => required || optional)
      .map((one) => ({ names: [one.long, one.short].filter((name) => name != null), value: valueOf(one) })),
    arguments: command.registeredArguments.map((one) => ({ value: valueOf(one), repeated: one.variadic })),
  }
  const below = commands.flatMap((one) =>
    command.commands.includes(one) ? nodesOf(one, `${path} ${one.name()}`) : [helpNode(one, node)],
  )
  return [node, ...below]
}

/** `help` is commander's own; it takes the name of a command beside it. */
function helpNode(help: Command, { path, commands }: Node): Node {
  const value = commands.map(({ word }) => word).filter((word) => word !== help.name())
  const argument = { value, repeated: false }
  return { path: `${path} ${help.name()}`, commands: [], options: [], values: [], arguments: [argument] }
}

/** `<file>` is the name of what is completed to a path. */
function valueOf(one: Option | Argument): Value {
  if (one.argChoices) return one.argChoices
  const name = 'flags' in one ? /[<[](.+?)(?:\.{3})?[>\]]/.exec(one.flags)?.[1] : one.name()
  return name === 'file' ? 'file' : 'nothing'
}
