import assert from 'node:assert/strict'
import { test } from 'vitest'
import { linesOf } from './message-lines.ts'

async function lines(...chunks: readonly (string | Buffer)[]): Promise<string[]> {
  async function* input() {
    yield* chunks
  }
  const found: string[] = []
  for await (const { number, bytes } of linesOf(input())) found.push(`${number} ${bytes.toString('latin1')}`)
  return found
}

test('lines have their numbers in the file; blank ones are none', async () => {
  assert.deepEqual(await lines('a\n\n \t\r\nb\r\nc'), ['1 a', '4 b', '5 c'])
  assert.deepEqual(await lines('a\n'), ['1 a'])
  assert.deepEqual(await lines(), [])
})

test('wherever the input is cut', async () => {
  const text = 'ab\n\ncd\r\ne'
  for (let at = 0; at <= text.length; at++)
    assert.deepEqual(await lines(text.slice(0, at), text.slice(at)), ['1 ab', '3 cd', '4 e'], String(at))
  assert.deepEqual(await lines(...text.split('')), ['1 ab', '3 cd', '4 e'])
})

test('bytes stay as they are; a byte order mark is no part of the first', async () => {
  assert.deepEqual(await lines(Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0x0a, 0xff])), ['1 a', '2 \u{ff}'])
  assert.deepEqual(await lines('a\n\u{feff}b'), ['1 a', '2 \u{ef}\u{bb}\u{bf}b'])
})
