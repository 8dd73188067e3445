import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Writable } from 'node:stream'
import { Talk } from './talk.ts'

function terminal() {
  let written = ''
  const stream = new Writable({
    write: (chunk, _, done) => {
      written += String(chunk)
      done()
    },
  })
  Object.assign(stream, { isTTY: true, columns: 60, rows: 12 })
  return { stream: stream as unknown as NodeJS.WriteStream, written: () => written }
}

test('the cursor is never hidden: after a kill -9 nobody would show it again', () => {
  const { stream, written } = terminal()
  using talk = new Talk(stream)
  talk.progress('a\nb')
  talk.say('a line')
  talk.progress('c\nd')
  talk[Symbol.dispose]()
  assert.match(written(), /a line/)
  assert.ok(!written().includes('\u001b[?25l'))
})

test('it knows how large the terminal is', () => {
  const { stream } = terminal()
  using talk = new Talk(stream)
  assert.deepEqual(talk.size, { columns: 60, rows: 12 })
})
