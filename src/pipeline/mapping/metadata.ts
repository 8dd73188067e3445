import type { Delivery } from '#core/delivery.ts'
import { identityAttributes, identityOf } from '#core/identity.ts'
import { isRejection } from '#core/rejection.ts'
import { timestampText } from '../values/times.ts'
import type { Path, TextPath } from './mapping.ts'
import type { Metadata } from './message.ts'

export function isMetadata(path: Path): path is TextPath {
  return path.from !== 'message' && path.from !== 'element' && path.from !== 'data'
}

/**
 * What came with the message that was published first, where this one repeats it: the row of a record that counts once is
 * the same, whichever of them is stored.
 */
export function firstMetadata(delivery: Delivery): Metadata {
  const { orderingKey, subscription, attributes } = delivery
  // Few messages repeat another.
  if (attributes[identityAttributes.publishTime] === undefined) return delivery
  const identity = identityOf(delivery)
  if (isRejection(identity)) return delivery
  const { messageId } = identity.kind === 'message' ? identity : delivery
  return { messageId, publishTimeMs: identity.publishTimeMs, orderingKey, subscription, attributes }
}

/** Whether it is another one for each message that is made of one request. */
export function isOfOneMessage({ from }: Path): boolean {
  return from === 'publishTime' || from === 'messageId'
}

/** A text that comes with the message; undefined where there is none. */
export function metadataText(path: TextPath, delivery: Metadata): string | undefined {
  switch (path.from) {
    case 'publishTime':
      return `${timestampText(BigInt(delivery.publishTimeMs) * 1000n)}Z`
    case 'messageId':
      return delivery.messageId
    case 'orderingKey':
      return delivery.orderingKey === '' ? undefined : delivery.orderingKey
    case 'subscription':
      return delivery.subscription
    case 'attributes':
      return Object.hasOwn(delivery.attributes, path.name) ? delivery.attributes[path.name] : undefined
  }
}
