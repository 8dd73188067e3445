import type { Scalar } from '#core/pipeline.ts'
import type { ReadValue } from '../conversion/json-value.ts'
import { JsonScanner } from '../json/scanner.ts'
import { ValueFault } from '../values/value-codec.ts'
import type { Constant } from './mapping.ts'

/** A constant as its column takes it. */
export function constantReader({ json }: Constant, read: ReadValue): Scalar | ValueFault {
  const bytes = Buffer.from(json)
  const whole = new JsonScanner([[]])
  if (whole.scan(bytes, 0, bytes.length)) return new ValueFault('bad-value', 'is not JSON')
  const [kind = 0, start = 0, end = 0] = [whole.kinds[0], whole.starts[0], whole.ends[0]]
  return read(kind, bytes, start, end)
}
