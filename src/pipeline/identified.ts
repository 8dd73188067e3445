import type { Delivery } from '#core/delivery.ts'
import type { Identity } from '#core/identity.ts'
import { identityOf } from '#core/identity.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Merge } from '#core/merge.ts'
import type { PostgresTable, Scalar } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import { rowSize } from './row-size.ts'

/**
 * Each record counts once, known by its identity: of its message, or of the request that the message was made of, and its
 * place there. Nothing is folded but the same record once more.
 */
export function identified<R>(table: PostgresTable<R>): Merge<R> {
  const { columns } = table
  const bytesOf = rowSize(columns)
  const telling = columns.filter(({ ofDelivery = false }) => !ofDelivery)
  return {
    recordOf: (row, delivery, index) => {
      const of = knownIdentity(delivery)
      return {
        key: identityKey(of, index),
        version: 0n,
        content: telling.map((column) => shownValue(column.of(row))).join('\0'),
        row,
        bytes: bytesOf(row) + identityBytes,
        identity: { of, index },
      }
    },
    // Of two that differ, the one that is committed first counts.
    compare: (a, b) => (isSame(a, b) ? 0 : undefined),
  }
}

/** No value has a NUL, and null is no text. */
function shownValue(value: Scalar): string {
  return value === null ? '' : `=${value}`
}

/** What an identity takes in a statement, about. */
const identityBytes = 60

/**
 * A message's own identity is used by no other message, whatever its values are read as. Of two messages of a request one may
 * be too old to count, and the other not: each is asked for by itself.
 */
function isSame({ content, identity }: KeyedRecord, other: KeyedRecord): boolean {
  const [a, b] = [identity?.of, other.identity?.of]
  return (content === other.content && a?.publishTimeMs === b?.publishTimeMs) || (isOwn(a) && isOwn(b))
}

function isOwn(identity: Identity | undefined): boolean {
  return identity?.kind === 'message' && !identity.isGiven
}

/** @throws TypeError where it cannot be read: such a message was to be rejected when it was decoded */
function knownIdentity(delivery: Delivery): Identity {
  const identity = identityOf(delivery)
  if (isRejection(identity)) throw new TypeError(identity.detail)
  return identity
}

/** An identity as one text, never the same for two records: an id, which may have anything in it, stands last. */
function identityKey(identity: Identity, index: number): string {
  if (identity.kind === 'request') return `r ${identity.request} ${index}`
  const { messageId, publishTimeMs } = identity
  return `m ${publishTimeMs} ${index} ${messageId}`
}
