import assert from 'node:assert/strict'
import { test } from 'vitest'
import { freshDatabase, startTestServer } from '../../test/support/postgres.ts'
import { identifier } from './identifier.ts'

const server = await startTestServer()

test('a name is quoted where the server needs it, and the others are left as they are', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  assert.equal(identifier('scan_results'), 'scan_results')
  assert.equal(identifier('Orders'), '"Orders"')
  assert.equal(identifier('my-orders'), '"my-orders"')
  assert.equal(identifier('1st'), '"1st"')
  assert.equal(identifier('a"b'), '"a""b"')
  const keywords = await database.query<{ word: string; reserved: boolean }>(
    `SELECT word, catcode IN ('R', 'T') AS reserved FROM pg_get_keywords()`,
  )
  const bare = keywords.filter(({ word }) => identifier(word) === word)
  assert.deepEqual(
    bare.filter(({ reserved }) => reserved),
    [],
  )
  assert.ok(bare.length > 300, 'table names such as "name" and "status" need none')
  await database.query(bare.map(({ word }) => `CREATE TABLE ${word} ();`).join(' '))
})
