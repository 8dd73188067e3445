// A mapping's types come from its table, which may be altered while messages arrive.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runToEnd, startIngesterProgram } from '../support/program.ts'
import { projectId, startSystem, until } from '../support/system.ts'

const folder = await mkdtemp(join(tmpdir(), 'mapping-'))
afterAll(() => rm(folder, { recursive: true }))
const file = (name: string) => join(folder, `${name}.pipeline.yaml`)
const write = (name: string, text: string) =>
  writeFile(file(name), `name: ${name}\nsubscription: ${name}-sub\ntable: shop.${name}\n${text}`)

const system = await startSystem()
afterAll(() => system[Symbol.asyncDispose]())
await system.sql.query('CREATE SCHEMA shop')
await system.sql.query(`CREATE TABLE shop.orders (
  id bigint PRIMARY KEY, revision integer NOT NULL, total numeric(6,2) NOT NULL, note varchar(5))`)
await write('orders', 'key: id\nversion: revision\ncolumns: { note: { path: note, optional: true } }\n')

const publish = (topic: string, ...messages: readonly object[]) =>
  system.clients.publisher.publish({
    topic: `projects/${projectId}/topics/${topic}`,
    messages: messages.map((message) => ({ data: Buffer.from(JSON.stringify(message)) })),
  })
const order = (id: number) =>
  until(
    async () => (await system.sql.query('SELECT * FROM shop.orders WHERE id = $1', [id])).rows,
    ([row]) => row !== undefined,
  ).then(([row]) => row)

const start = (...names: readonly string[]) =>
  startIngesterProgram(['run', ...names.flatMap((name) => ['--pipeline', file(name)])], { env: system.env })

describe('a table that is altered while it runs', () => {
  test('a new column changes nothing, another type is read anew, a dropped one pauses with the statement', async () => {
    await using run = start('orders')
    await run.said(/"consuming"/)
    await publish('orders', { id: 1, revision: 1, total: 1.5 })
    assert.deepEqual(await order(1), { id: '1', revision: 1, total: '1.50', note: null })

    await system.sql.query('ALTER TABLE shop.orders ADD COLUMN added text')
    await publish('orders', { id: 2, revision: 1, total: 2, added: 'not yet' })
    assert.deepEqual(await order(2), { id: '2', revision: 1, total: '2.00', note: null, added: null })

    await system.sql.query('ALTER TABLE shop.orders ALTER COLUMN total TYPE numeric(12,4)')
    await run.said(/the table was altered: messages are read for its columns as they are now/)
    await publish('orders', { id: 3, revision: 1, total: 12345678.1234 })
    assert.equal((await order(3))?.['total'], '12345678.1234')

    await system.sql.query('ALTER TABLE shop.orders DROP COLUMN note')
    await publish('orders', { id: 4, revision: 1, total: 4, note: 'kept' })
    const [, statement = ''] = await run.said(
      /(ALTER TABLE \\?"?shop\\?"?\.\\?"?orders\\?"? ADD COLUMN [^;]*;)/,
    )
    await system.sql.query(JSON.parse(`"${statement}"`) as string)
    assert.equal((await order(4))?.['note'], 'kept')
    const { rows } = await system.sql.query('SELECT count(*)::integer AS count FROM dead_letters')
    assert.equal(rows[0]?.count, 0)
    run.signal('SIGTERM')
    await expect(run).toEndWith(0)
  })
})

/** The log is JSON. */
const messageIn = (stderr: string) =>
  (JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as { msg: string }).msg

describe('what is wrong with a file is told before anything is consumed', () => {
  test('all at once, with its places, also what only the table contradicts', async () => {
    await write(
      'wrong',
      'key: id\nversion: revision\ncolumns:\n  totl: { path: total }\n  note: { path: note, unit: ms }\n',
    )
    await system.sql.query('CREATE TABLE shop.wrong (LIKE shop.orders INCLUDING ALL)')
    const { code, stderr } = await runToEnd(start('wrong'))
    assert.equal(code, 2)
    const path = file('wrong')
    const said = messageIn(stderr)
    expect(said).toContain(`${path}:7:3: columns.totl: the table has no column "totl"; did you mean total?`)
    expect(said).toContain(
      `${path}:8:23: columns.note.unit: is for times, and note is character varying(5); leave it out`,
    )
  })

  test('a table that is not there', async () => {
    await write('absent', 'key: id\nversion: revision\n')
    const { code, stderr } = await runToEnd(start('absent'))
    assert.equal(code, 2)
    expect(stderr).toContain(`${file('absent')}:3:1: table: there is no table shop.absent`)
  })
})

describe('two mappings in one process', () => {
  const named = async (name: string, text: string) => {
    await writeFile(file(name), `name: ${name}\n${text}`)
    return runToEnd(start('orders', name))
  }

  test('cannot share a subscription', async () => {
    const { code, stderr } = await named(
      'again',
      'subscription: orders-sub\ntable: shop.wrong\nkey: id\nversion: revision\n',
    )
    assert.equal(code, 2)
    expect(stderr).toContain('have the same subscription, orders-sub: each pipeline needs its own')
  })

  test('cannot share a table unless key and version are the same, and none deletes', async () => {
    const other = 'subscription: other-sub\ntable: shop.orders\n'
    const reversed = await named('other', `${other}key: revision\nversion: id\n`)
    expect(reversed.stderr).toContain(
      'have the same table, shop.orders, with another mode, or other columns for its key or version',
    )
    const deleting = await named(
      'other',
      `${other}key: id\nversion: revision\ndelete: { when: { path: op, equals: D } }\n`,
    )
    expect(deleting.stderr).toContain('have the same table, shop.orders, from which messages delete')
    assert.deepEqual([reversed.code, deleting.code], [2, 2])
    // Without its schema it is the same table where that is searched.
    await system.sql.query(
      `ALTER ROLE ${system.env['INGESTER_POSTGRES_USER']} SET search_path = public, shop`,
    )
    const bare = 'subscription: other-sub\ntable: orders\nkey: revision\nversion: id\n'
    expect((await named('other', bare)).stderr).toContain(
      'orders and other have the same table, shop.orders, with another mode, or other columns for its key or version',
    )

    await write('more', '')
    await writeFile(
      file('more'),
      `name: more\n${other}key: id\nversion: revision\nothers: skip\ncolumns: { total: amount }\n`,
    )
    await using run = start('orders', 'more')
    await run.said(/"pipeline":"more".*"consuming"/)
    await publish('more', { id: 9, revision: 1, amount: 9 })
    assert.equal((await order(9))?.['total'], '9.0000')
    run.signal('SIGTERM')
    await expect(run).toEndWith(0)
  })

  test('cannot take the name of a built-in pipeline', async () => {
    await write('scans', 'key: id\nversion: revision\n')
    const { code, stderr } = await runToEnd(start('scans'))
    assert.equal(code, 2)
    expect(stderr).toContain('the name scans is taken by a built-in pipeline')
  })
})
