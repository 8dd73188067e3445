import type { Encode } from './value-codec.ts'
import { ValueFault, wrongKind } from './value-codec.ts'
import { textFault } from './texts.ts'

/** PostgreSQL's own limit. */
const maxDimensions = 6

/**
 * A JavaScript array, nested for more dimensions, becomes an array literal; a string that begins with `{` is one already.
 * https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO
 *
 * @param encodeElement of the column's elements; null elements are NULL
 * @param nests whether arrays in the array are further dimensions; false where they are elements, which JSON may be
 */
export function arrayEncoder(encodeElement: Encode, nests: boolean): Encode {
  return (value) => {
    if (typeof value === 'string') return literalFault(value) ?? value
    if (!Array.isArray(value)) return wrongKind(value, 'an array')
    const shape = shapeOf(value, nests)
    if (shape.length > maxDimensions)
      return new ValueFault('bad-value', `has more than ${maxDimensions} dimensions`)
    const literal = literalOf(value, shape, encodeElement)
    // An array without elements has no dimensions, however it is nested.
    return typeof literal === 'string' && shape.includes(0) ? '{}' : literal
  }
}

function literalFault(text: string): ValueFault | undefined {
  if (text.startsWith('{')) return textFault(text)
  return new ValueFault('bad-value', 'is a string that is no array literal, which begins with "{"')
}

/** How many elements each dimension has, as far as the first ones tell; no more dimensions than are needed to refuse it. */
function shapeOf(array: readonly unknown[], nests: boolean): number[] {
  const shape = [array.length]
  for (let first = array[0]; nests && Array.isArray(first); first = first[0]) {
    if (shape.push(first.length) > maxDimensions) break
  }
  return shape
}

/** @param shape of this array: of which all that is in it must be */
function literalOf(
  array: readonly unknown[],
  [length = 0, ...inner]: readonly number[],
  encodeElement: Encode,
): string | ValueFault {
  if (array.length !== length)
    return new ValueFault('bad-value', `has ${array.length} elements where its neighbors have ${length}`)
  const texts: string[] = []
  for (let at = 0; at < array.length; at++) {
    const text =
      inner.length > 0 ? rowText(array[at], inner, encodeElement) : elementText(array[at], encodeElement)
    if (typeof text !== 'string') return placed(text, at)
    texts.push(text)
  }
  return `{${texts.join(',')}}`
}

function rowText(value: unknown, shape: readonly number[], encodeElement: Encode): string | ValueFault {
  if (Array.isArray(value)) return literalOf(value, shape, encodeElement)
  const { what } = wrongKind(value, 'an array as its neighbors are')
  return new ValueFault('bad-value', what)
}

function elementText(value: unknown, encodeElement: Encode): string | ValueFault {
  if (value === null) return 'NULL'
  const encoded = encodeElement(value)
  if (encoded instanceof ValueFault) return encoded
  return typeof encoded === 'string' ? `"${encoded.replace(/["\\]/g, '\\$&')}"` : String(encoded)
}

/** `[1][0] is …`; a further index is added on each way up. */
export function placed({ kind, what }: ValueFault, index: number): ValueFault {
  return new ValueFault(kind, `[${index}]${what.startsWith('[') ? '' : ' '}${what}`)
}
