// What is wrong with a definition is said at once, each fault with its member.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { DefinitionError, checkDefinition } from './definition-schema.ts'

const of = () => null
const column = (name: string, type: string, more: object = {}) => ({ name, type, of, ...more })

const right = {
  name: 'orders',
  topic: 'orders',
  subscription: 'orders-sub',
  decode: () => [],
  table: {
    name: 'sales.orders',
    columns: [
      column('id', 'bigint'),
      column('tags', 'text[]'),
      column('total', 'numeric(12,2)'),
      column('Mixed "Case".x', 'sales."Mood"'),
      column('at', 'timestamptz'),
      column('revision', 'integer'),
      column('note', 'text'),
    ],
    key: ['id'],
    version: ['at', 'revision'],
  },
}

/** The faults where the table has these members instead. */
const faultsOf = (table: object) => faultsWith({ table: { ...right.table, ...table } })

function faultsWith(members: object): readonly string[] {
  try {
    checkDefinition({ ...right, ...members })
    return []
  } catch (error) {
    assert.ok(error instanceof DefinitionError)
    return error.faults
  }
}

test('types as SQL has them, a schema, mixed case, versions of one column and of several, deletions', () => {
  assert.deepEqual(faultsOf({}), [])
  for (const version of [['at'], ['revision'], ['at', 'revision', 'note'], ['revision', 'note']])
    assert.deepEqual(faultsOf({ version }), [])
  for (const mode of [undefined, 'hard', { column: 'note' }])
    assert.deepEqual(faultsOf({ delete: { when: () => true, ...(mode ? { mode } : {}) } }), [])
})

describe('a version is of numbers and times, and may end with a text', () => {
  const wrong: readonly [version: readonly string[], fault: RegExp][] = [
    [['note'], /version names note, which must be a smallint, integer, bigint or timestamptz$/],
    [['note', 'at'], /version names note, which must be/],
    [['at', 'total'], /version names total, which must be .*, or a text at the end/],
    [['tags'], /version names tags, which must be/],
    [['at', 'at'], /version names a column twice/],
    [['id'], /version names "id", which is part of the key/],
    [['seen'], /version names the column "seen", which is not among id, tags, /],
    [[], /version names no column/],
  ]
  for (const [version, fault] of wrong)
    test(JSON.stringify(version), () => assert.match(faultsOf({ version }).join(), fault))
})

test('a name, a type and a key that are none', () => {
  const columns = (...more: readonly object[]) => ({ columns: [...right.table.columns, ...more] })
  const wrong: readonly [table: object, fault: RegExp][] = [
    [
      { name: 'a.b.c' },
      /name must be a name, with or without its schema, of at most 63 bytes each, not "a\.b\.c"/,
    ],
    [{ name: 'x'.repeat(64) }, /name must be a name/],
    [
      columns(column('more', 'text; DROP TABLE x')),
      /columns\[7\]\.type must be a type as SQL has it: .*, not "text; DROP/,
    ],
    [columns(column('x'.repeat(64), 'text')), /columns\[7\]\.name must be a name of 1 to 63 bytes/],
    [
      columns(column('more', 'text', { from: 'unix-seconds' })),
      /says from: 'unix-seconds' of more, which is no timestamptz/,
    ],
    [columns(column('note', 'text')), /columns has "note" twice/],
    [{ key: ['tags'] }, /key names tags, an array, which cannot be part of a key/],
    [{ key: [] }, /key names no column/],
  ]
  for (const [table, fault] of wrong) assert.match(faultsOf(table).join(), fault)
})

test('a deletion that the table cannot mark, or that a text would have to decide about', () => {
  const deleting = (mode: unknown, more: object = {}) =>
    faultsOf({ delete: { when: () => true, mode }, ...more })
  assert.match(deleting('soft').join(), /delete\.mode must be 'hard', or \{ column: … \}, not "soft"/)
  assert.match(deleting({ column: 'gone' }).join(), /marks the column "gone", which is not among the columns/)
  assert.match(deleting({ column: 'at' }).join(), /marks "at", which is part of the key or the version/)
  assert.match(
    deleting('hard', { version: ['at', 'note'] }).join(),
    /version ends with the text note: where messages delete/,
  )
  assert.match(
    faultsOf({ delete: {} }).join(),
    /delete\.when is missing: a function that says whether a row is gone/,
  )
})

test('all faults at once', () => {
  assert.equal(
    faultsOf({ name: '', key: ['x'], version: ['note'], delete: { when: 1 } }).length,
    2,
    'members first',
  )
  assert.equal(
    faultsOf({ key: ['x'], version: ['note'], delete: { when: of, mode: { column: 'y' } } }).length,
    4,
  )
})

test('reasons of rejections and rules by which messages are ignored are words', () => {
  const words = ['test-order', 'a1']
  assert.deepEqual(faultsWith({ rejections: words, ignoreRules: words }), [])
  for (const member of ['rejections', 'ignoreRules']) {
    assert.match(
      faultsWith({ [member]: ['fine', 'Test order'] }).join(),
      new RegExp(`^${member}\\[1\\] must be a word of lower-case letters, .*, not "Test order"$`),
    )
    assert.match(
      faultsWith({ [member]: 'word' }).join(),
      new RegExp(`^${member} must be an array of words, not`),
    )
  }
})

test('topic and subscription are ids or full names, each of its own kind', () => {
  const rights = [
    { topic: 'a.b' },
    { topic: 'projects/42/topics/a.b' },
    { topic: 'projects/example.com:p/topics/t-1' },
  ]
  for (const members of [...rights, { subscription: 'projects/p/subscriptions/s-1' }])
    assert.deepEqual(faultsWith(members), [])
  const wrong = [
    { topic: 'projects/p/subscriptions/abc' },
    { topic: 'projects/p/topics/' },
    { topic: 'projects//topics/abc' },
    { topic: 'projects/p/topics/googly' },
    { topic: '/projects/p/topics/abc' },
    { topic: 'projects/p/topics/abc/d' },
    { topic: 'projects/p q/topics/abc' },
    { topic: "projects/p'/topics/abc" },
    { subscription: 'projects/p/topics/abc' },
    { subscription: 'p/abc' },
  ]
  for (const members of wrong) {
    const [collection] = Object.keys(members)
    assert.match(
      faultsWith(members).join(),
      new RegExp(`^${collection} must be an id of .*, or projects/<project>/${collection}s/<id>, not "`),
    )
  }
})
