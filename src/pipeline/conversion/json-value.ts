import type { Scalar } from '#core/pipeline.ts'
import type { ValueFault } from '../values/value-codec.ts'

/**
 * Reads a value of valid JSON for its column, as it travels to the database. It stands in `bytes` between `start` and `end`; texts
 * without their quotes.
 *
 * @param kind one of `valueKinds`, but neither missing nor blocked
 */
export type ReadValue = (kind: number, bytes: Buffer, start: number, end: number) => Scalar | ValueFault
