// What editors and people read about mapping files, generated from the schema that checks them: docs/pipeline.schema.json,
// and the tables of docs/MAPPING.md, whose prose is written by hand.
import { mappingJsonSchema } from '#pipeline/mapping/json-schema.ts'
import type { Documents } from './made-parts.ts'
import { withParts, writeDocuments } from './made-parts.ts'

export const documents: Documents = {
  'docs/pipeline.schema.json': () => `${JSON.stringify(schema, undefined, 2)}\n`,
  'docs/MAPPING.md': (text) => withParts('docs/MAPPING.md', text, parts),
}

/** What the generated schema has of JSON schema's members. */
interface Schema {
  readonly description?: string
  readonly default?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly anyOf?: readonly Schema[]
  readonly definitions?: Readonly<Record<string, Schema>>
  readonly $ref?: string
}

const schema = { title: 'A mapping file of pubsub-postgres-ingester', ...mappingJsonSchema() } as Schema

const parts: Readonly<Record<string, string>> = {
  members: table('property', schema),
  columns: table('property of a column', definition('column')),
  conditions: table('property of a condition', definition('rule')),
}

function table(heading: string, of: Schema): string {
  return [`| ${heading} | default | |`, '|---|---|---|', ...rows(of, '')].join('\n')
}

/** With the members of objects in it: `delete.mode.column`. */
function rows(of: Schema, above: string): string[] {
  const { properties = {}, required = [] } = objectIn(of)
  return Object.entries(properties).flatMap(([name, member]) => [
    `| \`${above}${name}\` | ${missing(member, required.includes(name))} | ${description(member)} |`,
    ...rows(member, `${above}${name}.`),
  ])
}

function missing({ default: value }: Schema, isRequired: boolean): string {
  if (isRequired) return '**must be set**'
  return value === undefined ? '–' : `\`${value}\``
}

/** That which something can be beside a text or a list. */
function objectIn(of: Schema): Schema {
  return [of, ...(of.anyOf ?? [])].find(({ properties }) => properties) ?? {}
}

function description(member: Schema): string {
  const found = member.$ref === undefined ? member : definition(member.$ref.replace('#/definitions/', ''))
  if (found.description === undefined) throw new Error(`has no description: ${JSON.stringify(member)}`)
  return found.description.replaceAll('|', '\\|')
}

function definition(name: string): Schema {
  const found = schema.definitions?.[name]
  if (found === undefined) throw new Error(`the schema has no definition of ${name}`)
  return found
}

if (import.meta.main) writeDocuments(documents)
