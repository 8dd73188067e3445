import type { Connected } from './endpoint.ts'
import { Endpoint } from './endpoint.ts'
import type { SimulatedPostgres } from './postgres.ts'
import type { Story } from './story.ts'
import type { Wire } from './wire.ts'

export class PostgresEndpoint extends Endpoint {
  readonly server: SimulatedPostgres
  /** Shares of statements that lose a deadlock, run out of time, or fail for a reason of the server's own. */
  conflicts = 0
  timeouts = 0
  strays = 0
  readonly pools = new Set<Connected>()

  constructor(server: SimulatedPostgres, wire: Wire, story: Story) {
    super(wire, story)
    this.server = server
  }

  override cutAll(): void {
    for (const pool of this.pools) pool.cut()
    this.server.endSessions()
  }
}
