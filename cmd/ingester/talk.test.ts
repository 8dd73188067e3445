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

test('what is said stands above what is drawn, which is gone at the end', () => {
  const { stream, written } = terminal()
  using talk = new Talk(stream)
  talk.progress('drawn')
  talk.say('said')
  assert.match(written(), /drawn[^]*said\n[^]*drawn/)
  const before = written().length
  talk[Symbol.dispose]()
  assert.ok(!written().slice(before).includes('drawn'))
})

test('it knows how large the terminal is', () => {
  const { stream } = terminal()
  using talk = new Talk(stream)
  assert.deepEqual(talk.size, { columns: 60, rows: 12 })
})
