import type { Scalar } from '#core/pipeline.ts'
import { elementsOf } from '../json/values.ts'
import { valueKinds } from '../json/syntax.ts'
import { arrayEncoder, placed } from '../values/arrays.ts'
import { ValueFault } from '../values/value-codec.ts'
import type { ReadValue } from './json-value.ts'
import { shownValue } from './shown-value.ts'

type Elements = (Scalar | Elements)[]

/**
 * An array of JSON for a column of arrays; nested ones are further dimensions.
 *
 * @param readElement of the column's elements
 * @param nests false where elements may be arrays themselves: documents
 */
export function arrayReader(readElement: ReadValue, nests: boolean): ReadValue {
  // The elements are what they travel as.
  const encode = arrayEncoder((value) => value as NonNullable<Scalar>, nests)
  const readAll = (bytes: Buffer, start: number, end: number): Elements | ValueFault => {
    const elements: Elements = []
    let fault: ValueFault | undefined
    elementsOf(bytes, start, end, (kind, from, to) => {
      if (fault) return
      const element =
        nests && kind === valueKinds.array ? readAll(bytes, from, to) : readElement(kind, bytes, from, to)
      if (element instanceof ValueFault) fault = placed(element, elements.length)
      else elements.push(element)
    })
    return fault ?? elements
  }
  return (kind, bytes, start, end) => {
    if (kind === valueKinds.null) return null
    if (kind !== valueKinds.array)
      return new ValueFault('wrong-kind', `is ${shownValue(kind, bytes, start, end)}, not an array`)
    const elements = readAll(bytes, start, end)
    return elements instanceof ValueFault ? elements : encode(elements)
  }
}
