// docs/BENCHMARKS.md, its plots, and the results that both are made from.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'vitest'
import { benches } from '../../bench/benches.ts'
import { documentsOf, resultsFile } from '../../bench/documents.ts'
import type { Results } from '../../bench/results.ts'
import { projectDir } from '../support/program.ts'

const read = (file: string) => readFileSync(join(projectDir, file), 'utf8')
const results = JSON.parse(read(resultsFile)) as Results

test('tables and plots are made from the results beside them, byte for byte', async () => {
  const documents = await documentsOf(results)
  for (const [file, text] of documents) {
    assert.ok(read(file) === text, `${file}: \`make bench ARGS=--write\` writes it, nothing else`)
  }
  const made = [...documents.keys()].filter((file) => file.startsWith('docs/benchmarks/'))
  const there = readdirSync(join(projectDir, 'docs/benchmarks')).map((file) => `docs/benchmarks/${file}`)
  assert.deepEqual(there.sort(), made.sort())
})

test('the results are not from a quick run', () => {
  assert.equal(results.quick, false)
  assert.ok(results.benches.length > 0)
})

test('every benchmark that a document names exists', () => {
  // That of the gateway is a program of its own.
  const known = new Set([...benches.map(({ name }) => name), 'gateway'])
  for (const file of ['README.md', 'docs/BENCHMARKS.md', 'docs/CACHE.md', 'docs/OPERATIONS.md']) {
    for (const [, names = ''] of read(file).matchAll(/\bBENCH=([\w,-]+)/g)) {
      for (const name of names.split(',')) assert.ok(known.has(name), `${file}: BENCH=${name}`)
    }
  }
})
