import assert from 'node:assert/strict'
import { test } from 'vitest'
import { everyCommand, ingesterProgram } from './program.ts'
import { withEnvFile } from './next-command.ts'

test('every command that reads an env file is told to read the same one', () => {
  let count = 0
  for (const command of everyCommand(ingesterProgram())) {
    const words = [command.name()]
    for (let { parent } = command; parent; { parent } = parent) words.unshift(parent.name())
    const line = `bin/${words.join(' ')}`
    const reads = command.options.some(({ long }) => long === '--env-file')
    if (!reads) continue
    count += 1
    assert.equal(withEnvFile(`do: ${line}`, 'x y.env'), `do: ${line} --env-file 'x y.env'`)
  }
  assert.ok(count > 9)
})

test('in any place, several times; not where there is one already, nor for other commands', () => {
  const at = (text: string) => withEnvFile(text, '.env')
  assert.equal(
    at('`bin/ingester cache bump` makes; bin/ingester dead-letters show <id>'),
    '`bin/ingester cache bump --env-file .env` makes; bin/ingester dead-letters show --env-file .env <id>',
  )
  for (const text of ['bin/ingester why 1 2 --env-file x', 'bin/ingester emulator', 'bin/ingester doctors'])
    assert.equal(at(text), text)
  assert.equal(withEnvFile('bin/ingester run', undefined), 'bin/ingester run')
})
