import type { Delivery } from '#core/delivery.ts'
import { timestampText } from '../values/times.ts'
import type { Path, TextPath } from './mapping.ts'

export function isMetadata(path: Path): path is TextPath {
  return path.from !== 'message' && path.from !== 'element' && path.from !== 'data'
}

/** A text that comes with the message; undefined where there is none. */
export function metadataText(path: TextPath, delivery: Delivery): string | undefined {
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
