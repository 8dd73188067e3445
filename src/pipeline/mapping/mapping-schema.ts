import { z } from 'zod'
import { columnSource } from './column-schema.ts'
import { condition, where } from './condition-schema.ts'
import { tableModes } from '#core/pipeline.ts'
import { modeConditions, withModes } from './mode-rules.ts'
import { expected, objectOf, word } from './schema-words.ts'
import { arrayPath, column, columns, columnsRule, name, resource, table } from './value-schemas.ts'

const deletes = objectOf(
  {
    // Lazy, so that its JSON schema is a reference.
    when: z
      .lazy(() => condition)
      .describe(
        'A condition that holds for messages that delete their row. They need only the columns of key and version, and the fields that where reads.',
      ),
    mode: z
      .union(
        [
          z.literal('hard'),
          objectOf({
            column: column.describe('The column that marks a row as deleted. It is null in all other rows.'),
          }),
        ],
        { error: expected('hard, or { column: deleted_at }') },
      )
      .optional()
      .meta({ default: 'hard' })
      .describe(
        'hard: the row is deleted. { column: deleted_at }: the row stays, and the column gets its value.',
      ),
  },
  'an object such as { when: { path: op, equals: D } }',
)

/** Each member of a mapping file. The descriptions are shown by editors, and stand in docs/MAPPING.md. */
export const mappingMembers = {
  $schema: z
    .string({ error: expected('where the JSON schema is') })
    .optional()
    .describe('The path of the JSON schema, for editors. The ingester does not read it.'),
  name: name.describe(
    'The name in metrics and logs: 1 to 50 lower-case letters, digits and hyphens, beginning with a letter.',
  ),
  subscription: resource('subscriptions').describe(
    'The subscription that messages come from: an id in the configured project, or projects/P/subscriptions/S.',
  ),
  topic: resource('topics')
    .optional()
    .describe(
      'The topic of the subscription: an id in the configured project, or projects/P/topics/T. Default: the name.',
    ),
  table: table.describe(
    'The table to write to, with or without its schema: sales.orders. A part that contains a dot needs double quotes.',
  ),
  mode: word(tableModes)
    .optional()
    .meta({ default: 'newest' })
    .describe(
      'Which rows the table holds. newest: for each key, the row with the greatest version. append: a row for each record. sum: for each key, the sums of what its records say. With append and sum each record counts once, however often it is delivered.',
    ),
  format: word(['json'], ['avro', 'protobuf'])
    .optional()
    .meta({ default: 'json' })
    .describe('Format of the messages: json.'),
  envelope: word(['none'], ['cloudevents', 'debezium'])
    .optional()
    .meta({ default: 'none' })
    .describe('Envelope around the data of each message: none.'),
  key: columns
    .optional()
    .describe(
      'The column or columns that identify a row: the primary key, or those of a unique index. Must be set, except with mode: append, which has none.',
    ),
  version: columns
    .optional()
    .describe(
      'The column or columns that say which of two rows of a key is newer, compared in order. Must be set with mode: newest, and only there.',
    ),
  others: word(['field', 'skip'])
    .optional()
    .meta({ default: 'field' })
    .describe(
      'What happens to columns that are not named in columns. field: each takes the message field of its own name, unless the database fills it (generated, identity, with a default). skip: they are left alone.',
    ),
  split: arrayPath
    .optional()
    .describe(
      'The path of an array; each of its elements becomes a record. Paths then begin at the element: $element is the whole element, and $message.a.b begins at the message.',
    ),
  where: where
    .optional()
    .describe(
      'A condition, or a list of conditions. Records for which all of them hold are stored; others are counted as ignored.',
    ),
  delete: deletes.optional().describe('Which messages delete their row, and how. With mode: newest only.'),
  columns: z
    .record(z.string(), columnSource, { error: expected('an object with a member for each column') })
    .optional()
    .describe(
      'For each column, by its name, where its value comes from: a path, a list of paths of which the first that is present is used, or an object.',
    ),
}

export const mappingFile = withModes(
  objectOf(mappingMembers, 'an object with name, subscription, table, key and version'),
  { key: columnsRule, version: columnsRule, delete: '' },
).meta({ allOf: modeConditions() })

export type MappingFile = z.infer<typeof mappingFile>
