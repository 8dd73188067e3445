import { isResourceId } from '#config/names.ts'
import { tableName } from '#core/table-name.ts'
import { resource } from '#pipeline/mapping/value-schemas.ts'

const longestName = 50

/** A pipeline's name for a table: `OrderItems` becomes `order-items`. */
export function pipelineName(table: string): string {
  const words = bare(table)
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/([a-z\d])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z\d]+/g, '-')
    .replace(/^-+/, '')
  const name = /^[a-z]/.test(words) ? words : `table-${words}`
  return name.slice(0, longestName).replace(/-+$/, '')
}

/** Pub/Sub takes no short names, and none that begin with goog. */
export function guessedTopic(name: string): string {
  return isResourceId(name) ? name : `topic-${name}`
}

export function guessedSubscription(name: string): string {
  return isResourceId(`${name}-sub`) ? `${name}-sub` : `subscription-${name}`
}

/** `orders.pipeline.yaml`, in the working directory whatever the table's name is. */
export function defaultFile(table: string): string {
  const stem = bare(table)
    .replace(/[^\p{L}\p{N}_.-]+/gu, '-')
    .replace(/^[.-]+/, '')
  return `${stem === '' ? pipelineName(table) : stem}.pipeline.yaml`
}

/** Why a mapping file would not take the text for a topic or a subscription: the end of a sentence about it. */
export function resourceFault(kind: 'topic' | 'subscription', text: string): string | undefined {
  return resource(`${kind}s`).safeParse(text).error?.issues[0]?.message
}

function bare(table: string): string {
  return tableName(table)?.table ?? table
}
