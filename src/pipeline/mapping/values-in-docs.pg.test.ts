// Each line of the tables of values in docs/MAPPING.md: decoded, and stored by PostgreSQL itself.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'vitest'
import type { CatalogColumn } from '#core/catalog.ts'
import { isIgnored } from '#core/ignored.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import { isSeveral } from '#ingest/several.ts'
import { arrayLiteral } from '#postgres/array-literal.ts'
import { parameter, selected } from '#postgres/column-sql.ts'
import { freshDatabase, startTestServer } from '../../../test/support/postgres.ts'
import { projectDir } from '../../../test/support/program.ts'
import { delivery, limits } from '../../../test/support/scan-message.ts'
import { unboundPipeline } from './mapped-pipeline.ts'
import { parseMapping } from './read-mapping.ts'

interface Line {
  readonly message: string
  readonly column: string
  readonly mapping: string
  readonly stored: string
}

/** The lines of all tables that stand behind this mark. */
function linesIn(docs: string): Line[] {
  return docs
    .split('<!-- values -->')
    .slice(1)
    .flatMap((part) => {
      const rows = part.trimStart().split('\n\n', 1)[0]?.trimEnd().split('\n').slice(2) ?? []
      return rows.map((row) => {
        const [, message = '', column = '', mapping = '', stored = ''] = row.split(/ ?\|(?: |$)/)
        return { message: unquoted(message), column: unquoted(column), mapping: unquoted(mapping), stored }
      })
    })
}

const unquoted = (cell: string) => cell.replaceAll('`', '').trim()

function pipelineFor({ column, mapping }: Line) {
  const isNullable = !column.endsWith(' NOT NULL')
  const type = column.replace(/ NOT NULL$/, '')
  const whole = (name: string): CatalogColumn => ({
    name,
    type: 'bigint',
    isNullable: false,
    hasDefault: false,
    generated: 'never',
  })
  const file = `name: values
subscription: values-sub
table: values
key: id
version: revision
columns:
  value: { path: value${mapping === '' ? '' : `, ${mapping}`} }
`
  return unboundPipeline(parseMapping(file, 'docs.yaml')).bind({
    kind: 'r',
    columns: [whole('id'), whole('revision'), { ...whole('value'), type, isNullable }],
    keys: [{ columns: ['id'], isPrimary: true }],
  })
}

const lines = linesIn(readFileSync(`${projectDir}/docs/MAPPING.md`, 'utf8'))
const server = await startTestServer({ timezone: 'UTC' })
const database = await freshDatabase(server, { migrated: false })

async function stored({ column }: Line, { columns }: PostgresTable, value: unknown): Promise<string | null> {
  const written = columns.find(({ name }) => name === 'value')
  assert.ok(written)
  await database.query('DROP TABLE IF EXISTS stored')
  await database.query(`CREATE TABLE stored (value ${column})`)
  const text = `INSERT INTO stored SELECT ${selected(written)} FROM unnest(${parameter(written, 0)}) AS r(value)`
  await database.query(text, [arrayLiteral([value as string])])
  const [row] = await database.query<{ value: string | null }>('SELECT value::text FROM stored')
  return row?.value ?? null
}

describe('values as docs/MAPPING.md has them', () => {
  test('there are many', () => assert.ok(lines.length > 90, String(lines.length)))

  test.each(lines)('$message into $column $mapping: $stored', async (line) => {
    const pipeline = pipelineFor(line)
    const value = line.message === 'nothing' ? '' : `, "value": ${line.message}`
    const decoded = pipeline.decode(delivery(`{"id": 1, "revision": 1${value}}`), limits)
    assert.ok(!isSeveral(decoded) && !isIgnored(decoded))
    if (isRejection(decoded)) {
      assert.equal(`dead letter \`${decoded.reason}\``, line.stored, decoded.detail)
      assert.match(decoded.detail, /value/)
      return
    }
    const [, , given] = pipeline.sink.columns.map((column) => column.of(decoded))
    const expected = line.stored === 'NULL' ? null : line.stored.replace(/^`|`$/g, '')
    assert.equal(await stored(line, pipeline.sink, given), expected)
  })
})
