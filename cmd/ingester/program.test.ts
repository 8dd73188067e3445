import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Command } from 'commander'
import { everyCommand, ingesterProgram } from './program.ts'

/** As on a screen that is not wider than most. */
function helpOf(command: Command): string[] {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 80 }).outputHelp()
  return help.trimEnd().split('\n')
}

test('the help of every command fits a screen of 24 lines', () => {
  const commands = [...everyCommand(ingesterProgram())]
  assert.ok(commands.length > 15)
  for (const command of commands) {
    const lines = helpOf(command)
    assert.ok(lines.length <= 24, `${command.name()}: ${lines.length} lines`)
    assert.deepEqual(
      lines.filter((line) => line.length > 120),
      [],
      command.name(),
    )
  }
})

test('the help of every top-level command begins with examples', () => {
  for (const command of ingesterProgram().commands) {
    assert.equal(helpOf(command)[0], 'Examples:', command.name())
  }
})

test('an option that takes the path of a module says that it takes that of a mapping file; which brings no migrations', () => {
  // A demo is one of ours.
  const commands = [...everyCommand(ingesterProgram())].filter((command) => command.name() !== 'demo')
  const options = commands.flatMap((command) => command.options)
  const paths = options.filter(
    ({ long, description }) => long === '--pipeline' && !/this module/.test(description),
  )
  assert.ok(paths.length >= 8)
  assert.deepEqual(
    paths.map(({ description }) => description).filter((text) => !/mapping file/.test(text)),
    [],
  )
})

test('a command or option that does not exist is answered with where the list is', () => {
  for (const argument of ['rn', '--wat']) {
    let said = ''
    const program = ingesterProgram().configureOutput({ writeErr: (text) => (said += text) })
    assert.throws(() => program.parse([argument], { from: 'user' }))
    assert.match(said, /^error: unknown (command|option) '.*\nsee bin\/ingester --help$/ms)
  }
})
