import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { CpuProfile } from './profile-table.ts'
import { functionSheet, ownerOf, packageSheet, selfTimes } from './profile-table.ts'

const root = 'file:///home/somebody/project'

test('a function belongs to a package, a module, Node.js or V8', () => {
  const of = (url: string, name = 'f') => ownerOf(url, name)
  assert.equal(of(`${root}/node_modules/@grpc/grpc-js/build/src/call.js`), '@grpc/grpc-js')
  assert.equal(of(`${root}/node_modules/a/node_modules/long/index.js`), 'long')
  assert.equal(of(`${root}/src/ingest/lane.ts`), 'src/ingest')
  assert.equal(of(`${root}/cmd/ingester/main.ts`), 'cmd/ingester')
  assert.equal(of('node:internal/crypto/hash'), 'node:')
  assert.equal(of('node:internal/deps/undici/undici'), 'node: (bundled)')
  assert.equal(of('', 'parse'), 'built-in functions')
  assert.equal(of('', '(garbage collector)'), 'garbage collection')
})

const frame = (id: number, functionName: string, url = '') => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
})
const profile: CpuProfile = {
  nodes: [
    frame(1, 'add', `${root}/src/ingest/lane.ts`),
    frame(2, '', `${root}/src/ingest/lane.ts`),
    frame(3, '(idle)'),
    frame(4, 'call', `${root}/node_modules/pg/lib/client.js`),
    // The same function, called from elsewhere.
    frame(5, 'add', `${root}/src/ingest/lane.ts`),
  ],
  startTime: 1000,
  samples: [4, 1, 2, 3, 5, 4, 4],
  timeDeltas: [1000, 2000, 3000, 50_000, 4000, 1000, 70_000],
}

test('self times are summed over callers; idle time, and time before and after, is excluded', () => {
  const times = selfTimes(profile, 3500, 63_000)
  assert.deepEqual(
    times.map(({ name, us, place }) => [name, us, place]),
    [
      ['add', 6000, 'src/ingest/lane.ts:10'],
      ['(anonymous)', 3000, 'src/ingest/lane.ts:10'],
      ['call', 1000, 'pg/lib/client.js:10'],
    ],
  )
  assert.deepEqual(packageSheet(times).rows, [
    ['src/ingest', '9', '90.0%'],
    ['pg', '1', '10.0%'],
  ])
  assert.deepEqual(functionSheet(times, 1).rows, [['add', '6', '60.0%', 'src/ingest/lane.ts:10']])
})

test('a name that is a whole signature is shortened, and so is its location', () => {
  const { rows } = functionSheet([{ name: 'f'.repeat(200), owner: 'pg', place: 'p'.repeat(61), us: 1000 }], 1)
  assert.deepEqual(rows, [[`${'f'.repeat(59)}…`, '1', '100.0%', `${'p'.repeat(59)}…`]])
})
