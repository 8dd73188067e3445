import assert from 'node:assert/strict'
import { test } from 'vitest'
import { VirtualScreen } from '../../test/support/virtual-screen.ts'
import { TerminalOutput } from './terminal-output.ts'

function talkOn(terminalType: string) {
  const terminal = new VirtualScreen(60, 12)
  return { terminal, talk: new TerminalOutput(terminal as unknown as NodeJS.WriteStream, terminalType) }
}

test('output is above the view, which is removed at the end', () => {
  const { terminal, talk } = talkOn('xterm')
  talk.progress(() => 'drawn')
  talk.say('said')
  assert.deepEqual(terminal.visible, ['said', 'drawn'])
  talk[Symbol.dispose]()
  assert.deepEqual(terminal.visible, ['said'])
})

test('a terminal that cannot move its cursor gets only lines', () => {
  const { terminal, talk } = talkOn('dumb')
  talk.progress(() => 'drawn')
  talk.say('said')
  talk[Symbol.dispose]()
  assert.equal(terminal.written, 'said\n')
})

test('of many notes some are printed, with the number of the others', () => {
  const { terminal, talk } = talkOn('dumb')
  for (let id = 1; id <= 25; id++) talk.warn(id, 'its data was cut')
  talk[Symbol.dispose]()
  assert.match(terminal.written, /dead letter 20: its data was cut\nand 5 more such lines\n$/)
})
