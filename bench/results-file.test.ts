import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { ResultsFile, readResults } from './results-file.ts'
import { sampleResults } from './sample-results.ts'
import { UsageError } from './cli-options.ts'

const results = sampleResults({ start: { ingester: [{ firstAckSeconds: 1.25 }] } })
const scratch = () => mkdtempDisposable(join(tmpdir(), 'results-'))

test('stored results are read back; the folder contains nothing else', async () => {
  await using folder = await scratch()
  const kept = new ResultsFile(join(folder.path, 'new/results.json'), assert.fail)
  const failures = [{ bench: 'start', configuration: 'ingester', round: 1, why: 'it broke' }]
  const later = { ...results, finished: false, failures }
  assert.ok(kept.write(results))
  assert.ok(kept.write(later))
  assert.deepEqual(readResults(kept.file), JSON.parse(JSON.stringify(later)))
  assert.deepEqual(readdirSync(join(folder.path, 'new')), ['results.json'])
})

test('a failure to store results is reported once, and stops nothing', async () => {
  await using folder = await scratch()
  const told: string[] = []
  const kept = new ResultsFile(join(folder.path, 'results.json'), (line) => told.push(line))
  mkdirSync(kept.file)
  assert.deepEqual([kept.write(results), kept.write(results)], [false, false])
  assert.match(told.join('\n'), /^✗ \/.*results\.json: not written: [^\n]*directory[^\n]*$/)
  assert.deepEqual(readdirSync(folder.path), ['results.json'])
})

describe('rejected, with the reason', () => {
  const { benches } = results
  const wrong: readonly (readonly [what: string, text: string, says: RegExp])[] = [
    ['invalid JSON', 'messages', /that is not JSON/],
    ['null', 'null', /the whole is no object/],
    ['another object', '{"name": "ingester"}', /machine is no object/],
    ['an array', '[]', /the whole is no object/],
    ['benches that are not an array', JSON.stringify({ ...results, benches: {} }), /benches is no list/],
    [
      'an unknown measure',
      JSON.stringify({ ...results, benches: [{ ...benches[0], measure: 'taste' }] }),
      /benches\[0\]\.measure is none of throughput/,
    ],
    [
      'a figure that is not a number',
      JSON.stringify(results).replace('1.25', '"1.25"'),
      /benches\[0\]\.configurations\[0\]\.runs\[0\]\.figures\.firstAckSeconds is no number/,
    ],
  ]
  for (const [what, text, says] of wrong) {
    test(what, async () => {
      await using folder = await scratch()
      const file = join(folder.path, 'results.json')
      writeFileSync(file, text)
      assert.throws(
        () => readResults(file),
        (error) => error instanceof UsageError && says.test(error.message) && error.message.includes(file),
      )
    })
  }

  test('no such file', () => {
    assert.throws(
      () => readResults('/nonexistent/results.json'),
      (error) => error instanceof UsageError && error.message.includes('ENOENT'),
    )
  })
})
