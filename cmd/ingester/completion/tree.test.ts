import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Argument, Command, Option } from 'commander'
import { nodesOf } from './tree.ts'

const program = new Command('tool')
  .option('-f, --from <file>', 'read it')
  .option('--rate <n>', 'a second')
  .option('--quiet', 'say nothing')
  .addOption(new Option('--secret', 'not for people').hideHelp())
  .addCommand(
    new Command('paint')
      .description('Long words.')
      .summary('short')
      .addArgument(new Argument('<colour>').choices(['red', 'blue']))
      .argument('<file...>')
      .addOption(new Option('--on <what>', 'where').choices(['wall', 'paper'])),
  )
  .addCommand(new Command('internal'), { hidden: true })
const [root, paint, ...others] = nodesOf(program)

test('every command and option in help is offered, with its description', () => {
  assert.equal(root?.path, 'tool')
  assert.deepEqual(root?.commands, [
    { word: 'paint', description: 'short' },
    { word: 'help', description: 'display help for command' },
  ])
  assert.deepEqual(
    root?.options.map(({ word }) => word),
    ['--from', '--rate', '--quiet', '--help'],
  )
})

test('a value is a file where its name says so, one of the choices where there are any, otherwise anything', () => {
  assert.deepEqual(root?.values, [
    { names: ['--from', '-f'], value: 'file' },
    { names: ['--rate'], value: 'nothing' },
  ])
  assert.equal(paint?.path, 'tool paint')
  assert.deepEqual(paint?.values, [{ names: ['--on'], value: ['wall', 'paper'] }])
  assert.deepEqual(paint?.arguments, [
    { value: ['red', 'blue'], repeated: false },
    { value: 'file', repeated: true },
  ])
})

test('help takes the name of a command', () => {
  assert.deepEqual(
    others.map(({ path, arguments: args }) => [path, args]),
    [['tool help', [{ value: ['paint'], repeated: false }]]],
  )
})
