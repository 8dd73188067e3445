import type { ColumnType } from '#core/column-type.ts'
import type { Scalar } from '#core/pipeline.ts'
import { arrayEncoder } from './arrays.ts'
import { encodeBoolean } from './booleans.ts'
import { doubleKeyText, encodeDouble, encodeReal, realKeyText } from './floats.ts'
import { encodeBytea, encodeUuid } from './hexadecimal.ts'
import { integerEncoder } from './integers.ts'
import { encodeJson, encodeJsonb } from './json.ts'
import { encodeCidr, encodeInet } from './networks.ts'
import { numericEncoder, numericKeyText } from './numerics.ts'
import { encodeAsText } from './passed-on.ts'
import { charEncoder, encodeName, encodeText, varcharEncoder } from './texts.ts'
import { encodeDate, timeEncoder, timestampEncoder, timestamptzEncoder } from './times.ts'
import type { Encode, ValueCodec } from './value-codec.ts'

type KeyText = (encoded: NonNullable<Scalar>) => string

/** The rules of a type. */
interface TypeRules {
  /** @param modifiers as in parentheses after the type's name */
  readonly encoder: (modifiers: readonly number[]) => Encode
  /** Undefined where equal values of the type may have different encodings. */
  readonly keyText?: KeyText
}

/** Of types whose equal values have the same encoding. */
function canonical(encoder: TypeRules['encoder'], keyText: KeyText = String): TypeRules {
  return { encoder, keyText }
}

const types: ReadonlyMap<string, TypeRules> = new Map<string, TypeRules>([
  ['text', canonical(() => encodeText)],
  [
    'character varying',
    canonical(([length]) => (length === undefined ? encodeText : varcharEncoder(length))),
  ],
  // Without a length it holds one character; bpchar any number.
  ['character', canonical(([length = 1]) => charEncoder(length))],
  ['bpchar', canonical(([length = Infinity]) => charEncoder(length))],
  ['name', canonical(() => encodeName)],
  ['smallint', canonical(() => integerEncoder('smallint'))],
  ['integer', canonical(() => integerEncoder('integer'))],
  ['bigint', canonical(() => integerEncoder('bigint'))],
  ['numeric', canonical(numericEncoder, numericKeyText)],
  ['real', canonical(() => encodeReal, realKeyText)],
  ['double precision', canonical(() => encodeDouble, doubleKeyText)],
  ['boolean', canonical(() => encodeBoolean)],
  ['uuid', canonical(() => encodeUuid)],
  ['bytea', canonical(() => encodeBytea)],
  ['date', canonical(() => encodeDate)],
  ['time', canonical(([precision]) => timeEncoder(precision))],
  ['timestamp', canonical(([precision]) => timestampEncoder(precision))],
  ['timestamptz', canonical(([precision]) => timestamptzEncoder(precision))],
  ['inet', canonical(() => encodeInet)],
  ['cidr', canonical(() => encodeCidr)],
  ['json', { encoder: () => encodeJson }],
  ['jsonb', { encoder: () => encodeJsonb }],
])

const passedOn: TypeRules = { encoder: () => encodeAsText }

/** Types whose values may be JavaScript arrays themselves. */
const arrayLike: ReadonlySet<string> = new Set(['json', 'jsonb'])

/** For every type: PostgreSQL decides about the values of those that are not known here. To be made once for a column. */
export function codecOf({ name, modifiers, isArray }: ColumnType): ValueCodec {
  const { encoder, keyText } = types.get(name) ?? passedOn
  const element = encoder(modifiers)
  const encode = isArray ? arrayEncoder(element, !arrayLike.has(name)) : element
  return {
    encode: (value) => (value === null ? null : encode(value)),
    isCanonical: keyText !== undefined && !isArray,
    keyText: keyText ?? String,
  }
}
