import type { BypassCause } from '#core/cache.ts'
import type { Connected } from './endpoint.ts'
import { Endpoint } from './endpoint.ts'
import type { SimulatedRedis } from './redis.ts'
import type { Story } from './story.ts'
import type { Wire } from './wire.ts'

/** What the server answers to everything, while something is wrong with it. */
export const refusals = ['loading', 'read-only', 'out-of-memory', 'no-rights', 'refused'] as const
export type Refusal = Extract<BypassCause, (typeof refusals)[number]>

/** Clients of Redis connect again by themselves. */
interface Reconnecting extends Connected {
  reconnect(): void
}

export class RedisEndpoint extends Endpoint {
  readonly server: SimulatedRedis
  refusal: Refusal | undefined
  readonly connections = new Set<Reconnecting>()

  constructor(server: SimulatedRedis, wire: Wire, story: Story) {
    super(wire, story)
    this.server = server
  }

  override cutAll(): void {
    for (const connection of this.connections) connection.cut()
  }

  override comeBack(): void {
    super.comeBack()
    for (const connection of this.connections) connection.reconnect()
  }
}
