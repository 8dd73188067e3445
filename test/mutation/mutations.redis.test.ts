// Each mutation still fits the sources as they are, and what it makes of them is a program: else `make mutate`
// would catch nothing but a syntax error.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { test } from 'vitest'
import { projectDir } from '../support/program.ts'
import { adminOf, startTestRedis } from '../support/redis-cache.ts'
import { edited } from './mutation.ts'
import { mutations } from './mutations.ts'

const admin = adminOf(await startTestRedis())

for (const { name, edits } of mutations) {
  test(`fits and parses: ${name}`, async () => {
    const files = Map.groupBy(edits, ({ file }) => file)
    for (const [file, own] of files) {
      const source = readFileSync(join(projectDir, file), 'utf8')
      const mutant = own.reduce(edited, source)
      assert.notEqual(mutant, source)
      if (file.endsWith('.lua')) await admin.script('LOAD', mutant)
      else if (file.endsWith('.ts')) stripTypeScriptTypes(mutant)
    }
  })
}

test('no two mutations have the same name', () => {
  assert.equal(new Set(mutations.map(({ name }) => name)).size, mutations.length)
})

test('an edit that matches nowhere or twice is an error', () => {
  const edit = { file: 'f', before: 'a', after: 'b' }
  assert.throws(() => edited('xyz', edit), /f has this 0 times .* no longer fits/)
  assert.throws(() => edited('aba', edit), /f has this 2 times/)
  assert.equal(edited('xay', { ...edit, after: '$&' }), 'x$&y')
})
