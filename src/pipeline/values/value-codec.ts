import type { Scalar } from '#core/pipeline.ts'
import { preview } from '#core/preview.ts'

/** Why a value cannot be stored in its column. */
export class ValueFault {
  /**
   * `wrong-kind`: the column takes no JavaScript value of that kind, so the module is wrong. `bad-value`: the kind is
   * right, the value is not, so the message is wrong.
   */
  readonly kind: 'wrong-kind' | 'bad-value'
  /** As in a sentence after "the column total ": `is "1.2.3", not a number in decimal notation`. */
  readonly what: string

  constructor(kind: 'wrong-kind' | 'bad-value', what: string) {
    this.kind = kind
    this.what = what
  }
}

/** How JavaScript values travel to a column of one type: as text, or as a number whose text is the same. */
export interface ValueCodec {
  /** Null stays null: it is NULL. What passes is stored exactly as given, within the rules of docs/PIPELINES.md. */
  readonly encode: (value: unknown) => Scalar | ValueFault
  /**
   * Whether PostgreSQL takes two values for equal exactly if their {@link keyText} is the same, so that the type can be
   * part of a key. For texts that holds under deterministic collations only, which all are unless created otherwise.
   */
  readonly isCanonical: boolean
  /** The one text of an encoded value and all that equal it; of no use where the type is not canonical. */
  readonly keyText: (encoded: NonNullable<Scalar>) => string
}

/** Encodes what is not null. */
export type Encode = (value: unknown) => NonNullable<Scalar> | ValueFault

/** @param expected with its article: `a string` */
export function wrongKind(value: unknown, expected: string): ValueFault {
  return new ValueFault('wrong-kind', `is ${shown(value)}, not ${expected}`)
}

/** @param expected with its article: `a UUID` */
export function badValue(value: unknown, expected: string): ValueFault {
  return new ValueFault('bad-value', `is ${shown(value)}, not ${expected}`)
}

/** @param type as a person writes it, for the message */
export function outOfRange(value: unknown, type: string): ValueFault {
  return new ValueFault('bad-value', `is ${shown(value)}, out of range for ${type}`)
}

/** A value as messages show it, cut. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'bigint':
      return shownDigits(String(value))
    case 'function':
      return 'a function'
    case 'symbol':
      return 'a symbol'
    case 'object':
      return shownObject(value)
    default:
      return preview(value)
  }
}

function shownDigits(digits: string): string {
  return digits.length > 60 ? `${digits.slice(0, 60)}... (${digits.length} digits)` : digits
}

/** An object of a module may be cyclic, contain a bigint, or throw when it is asked for its JSON. */
function shownObject(value: object | null): string {
  try {
    if (value instanceof Uint8Array) return 'a Uint8Array'
    if (!(value instanceof Date)) return preview(value)
    return Number.isNaN(value.getTime()) ? 'an invalid Date' : `the Date ${value.toISOString()}`
  } catch {
    return 'an object'
  }
}
