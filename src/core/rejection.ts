/** Known by it from any row, whatever that has, also where the package is there twice. */
const mark: unique symbol = Symbol.for('pubsub-postgres-ingester.rejection')

/** Why a message cannot be stored: `reason` for counting (few, fixed), `detail` for the person who fixes it. */
export class Rejection {
  readonly reason: string
  readonly detail: string
  readonly [mark] = true

  constructor(reason: string, detail: string) {
    // A module in JavaScript may give anything.
    const given: readonly unknown[] = [reason, detail]
    this.reason = String(given[0])
    this.detail = String(given[1])
  }
}

export function isRejection(decoded: unknown): decoded is Rejection {
  return typeof decoded === 'object' && decoded !== null && mark in decoded
}
