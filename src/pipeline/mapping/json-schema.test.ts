import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, test } from 'vitest'
import { parse } from 'yaml'
import {
  faultyMembers,
  faultyOfMode,
  least,
  leastOf,
  validMappings,
  withMembers,
} from '../../../test/support/mapping-files.ts'
import { projectDir } from '../../../test/support/program.ts'

// As an editor has it. test/repository/docs.test.ts checks that it is what the parser's schema makes.
const schema: unknown = JSON.parse(readFileSync(join(projectDir, 'docs/pipeline.schema.json'), 'utf8'))
const validate = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(
  schema as object,
)

interface Described {
  readonly description?: string
  readonly properties?: Readonly<Record<string, Described | boolean>>
  readonly $ref?: string
}

describe('docs/pipeline.schema.json', () => {
  for (const [what, text] of Object.entries(validMappings)) {
    test(`finds nothing wrong with ${what}`, () => {
      assert.ok(validate(parse(text)), JSON.stringify(validate.errors))
    })
  }

  for (const [text] of faultyMembers) {
    test(`finds what is wrong with ${text}`, () => assert.ok(!validate(parse(withMembers(text)))))
  }

  for (const [mode, text] of faultyOfMode) {
    test(`finds what is wrong with mode: ${mode} and ${text}`, () =>
      assert.ok(!validate(parse(leastOf[mode] + text))))
  }

  test('finds that the key of sums is missing, and needs none where rows are appended', () => {
    assert.ok(!validate(parse(leastOf.sum.replace(/^key:.*/m, ''))))
    assert.ok(validate(parse(leastOf.append)), JSON.stringify(validate.errors))
  })

  for (const name of ['name', 'subscription', 'table', 'key', 'version']) {
    test(`finds that ${name} is missing`, () => {
      assert.ok(!validate(parse(least.replace(new RegExp(`^${name}:.*\n`, 'm'), ''))))
    })
  }

  test('says of each member what it is', () => {
    const texts: string[] = []
    const visit = (of: unknown): void => {
      if (typeof of !== 'object' || of === null) return
      const { properties = {} } = of as Described
      for (const [name, member] of Object.entries(properties)) {
        if (typeof member === 'boolean' || typeof member.$ref === 'string') continue
        assert.match(member.description ?? '', /^.{10,}\.$/, name)
        texts.push(name)
      }
      const { if: _condition, ...rest } = of as Described & { readonly if?: unknown }
      Object.values(rest).forEach(visit)
    }
    visit(schema)
    assert.ok(texts.length > 30)
  })
})
