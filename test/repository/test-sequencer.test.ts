import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'vitest'
import { busy, mixed, waiting } from '../../tools/test-sequencer.ts'
import { projectDir } from '../support/program.ts'

const listed = [...Object.keys(waiting), ...Object.keys(busy)]

test('the files that are listed exist, each once', () => {
  assert.deepEqual(
    listed.filter((path) => !existsSync(join(projectDir, path))),
    [],
  )
  assert.equal(new Set(listed).size, listed.length)
})

test('none is lost; the longest come first, the short ones last, and at all times some wait', () => {
  const short = Array.from({ length: 80 }, (_, i) => `src/${i}.pg.test.ts`)
  const order = mixed([...short, ...listed.toReversed()], (path) => path)
  assert.deepEqual(order.toSorted(), [...short, ...listed].toSorted())
  const [longestWaiting, longestBusy] = [Object.keys(waiting)[0], Object.keys(busy)[0]]
  assert.deepEqual(new Set(order.slice(0, 2)), new Set([longestWaiting, longestBusy]))
  const places = Object.keys(waiting).map((path) => order.indexOf(path))
  assert.ok(places.some((place) => place > order.length / 2))
  assert.ok(places.every((place) => place < order.length - 1))
  const isShort = (path: string) => !listed.includes(path)
  assert.ok(
    order.slice(0, 10).every((path) => !isShort(path)),
    order.join('\n'),
  )
})
