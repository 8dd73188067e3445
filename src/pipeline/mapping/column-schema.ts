import { z } from 'zod'
import { binaryEncodings } from '../conversion/binary.ts'
import { timeUnits } from '../conversion/epoch-time.ts'
import type { Exclusion, Refusal } from './schema-words.ts'
import { excluding, expected, objectOf, refuseBy, withExclusions, word } from './schema-words.ts'
import { flag, path, timezone } from './value-schemas.ts'

const alone = ['path', 'default', 'optional', 'unit', 'timezone', 'encoding']
const onlyOne: readonly Exclusion[] = [
  ['default', 'optional'],
  ['unit', 'encoding', 'one is of times, the other of bytes'],
  ['timezone', 'encoding', 'one is of times, the other of bytes'],
]
const exclusions: readonly Exclusion[] = [
  ['skip', 'value'],
  ...['value', 'skip'].flatMap((kept) => alone.map((name): Exclusion => [kept, name])),
  ...onlyOne,
]

/** How the value of a path is read. */
const reading = {
  path: path.describe(
    'Path of the value: names separated by dots, [0] for an element. Those that begin with $ are about the whole message: $publishTime, $messageId, $orderingKey, $subscription, $data, $attributes.NAME.',
  ),
  unit: word(timeUnits)
    .optional()
    .describe('Unit of a Unix time, given as a number or a string of digits: s, ms, us or ns.'),
  timezone: timezone
    .optional()
    .describe(
      'Time zone of times without an offset: UTC, an offset such as +02:00, or an IANA name such as Europe/Berlin.',
    ),
  encoding: word(binaryEncodings)
    .optional()
    .describe(
      'Encoding of bytes in a string: base64 (the default for bytea), base64url or hex. For a text column the bytes must be UTF-8.',
    ),
}

/** What stands for a value that is missing. */
const missing = {
  default: z.unknown().optional().describe('Used if the field is missing or null.'),
  optional: flag
    .optional()
    .describe(
      'true: a missing field is NULL. Without it, and without a default, the message is rejected (missing-field).',
    ),
}

const constant = {
  value: z.unknown().optional().describe('A constant for every row, instead of a path.'),
  skip: z
    .literal(true, { error: expected('true, or left out') })
    .optional()
    .describe('true: the column is left alone.'),
}

const sourceMembers = { ...reading, path: reading.path.optional(), ...missing, ...constant }

const sourceObject = withExclusions(
  objectOf(sourceMembers, 'a path, a list of paths, or an object'),
  exclusions,
)
  .superRefine(refuseBy(sourceFaults))
  .meta({
    anyOf: ['path', 'value', 'skip'].map((name) => ({ required: [name] })),
    ...excluding(exclusions),
  })

function sourceFaults(given: z.infer<z.ZodObject<typeof sourceMembers>>): Refusal[] {
  const faults = timeFaults(given)
  if (given.path !== undefined || given.value !== undefined || given.skip !== undefined) return faults
  return [...faults, { what: 'needs one of path, value, skip' }]
}

function timeFaults(given: { readonly path?: string | undefined }): Refusal[] {
  if (given.path !== '$publishTime') return []
  const reads = (['unit', 'encoding'] as const).filter((name) => Object.hasOwn(given, name))
  return reads.map((name) => ({
    path: [name],
    what: 'means nothing for $publishTime, which is a time',
    fix: 'remove it',
  }))
}

const alternative = withExclusions(
  objectOf({ ...reading, ...missing }, 'a path, or an object with a path'),
  onlyOne,
)
  .superRefine(refuseBy(timeFaults))
  .meta(excluding(onlyOne))

const alternatives = z
  .array(z.union([path, alternative], { error: expected('a path, or an object with a path') }))
  .min(1, { error: 'has no path' })
  .superRefine(
    refuseBy((given) =>
      given.slice(0, -1).flatMap((one, at) =>
        (['default', 'optional'] as const)
          .filter((name) => typeof one !== 'string' && one[name] !== undefined)
          .map((name) => ({
            path: [at, name],
            what: 'stands at the last path of a list only',
            fix: 'move it there',
          })),
      ),
    ),
  )

export const columnSource = z
  .union([path, alternatives, sourceObject], { error: expected('a path, a list of paths, or an object') })
  .meta({ id: 'column' })

/** One of a list. */
export type FileAlternative = string | z.infer<typeof alternative>

export type FileColumnSource = z.infer<typeof columnSource>
