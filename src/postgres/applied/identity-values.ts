import type { KeyedRecord, RecordIdentity } from '#core/keyed-record.ts'
import type { Scalar } from '#core/pipeline.ts'
import { arrayLiteral } from '../array-literal.ts'

/** The parameters that identify records, in their order. */
export function identityValues(records: readonly KeyedRecord[]): readonly string[] {
  const identities = records.map(({ identity }) => {
    if (!identity) throw new TypeError('a record without its identity')
    return identity
  })
  const column = (of: (identity: RecordIdentity, at: number) => Scalar) => arrayLiteral(identities.map(of))
  return [
    column((_, at) => at),
    column(({ of }) => (of.kind === 'request' ? of.request : null)),
    column(({ of }) => (of.kind === 'message' ? of.messageId : null)),
    column(({ of }) => of.publishTimeMs),
    column(({ index }) => index),
  ]
}
