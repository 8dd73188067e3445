import type { Delivery } from './delivery.ts'

/**
 * Where deliveries come from. The receiver owns a delivery until it calls `ack` or `nack` with it; until then the source
 * keeps its lease. A source never holds more deliveries than its limits.
 */
export interface Source<D extends Delivery = Delivery> {
  /** Begins to deliver. Called once. */
  start(receive: (deliveries: readonly D[]) => void): void
  ack(deliveries: readonly D[]): void
  nack(deliveries: readonly D[]): void
  /** Takes no more until `resume`, without losing what is in flight; leases are kept. Repeatable. */
  hold(): void
  resume(): void
  /** Takes no more, permanently; leases are kept. Resolves when nothing more will be delivered. */
  stop(): Promise<void>
  /** Sends the acks and nacks it was given, then closes. Deliveries that are still owned lose their leases. */
  close(): Promise<void>
}
