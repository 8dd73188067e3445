import { Redis } from 'ioredis'
import type { RedisServer } from '#stack/redis.ts'

/** A look into Redis from outside. */
export interface RedisView extends AsyncDisposable {
  readonly client: Redis
  /** Names of the keys that are there: of watermarks, or of claims. */
  keys(kind: 'w' | 'c'): Promise<string[]>
}

export function viewRedis({
  host,
  port,
  password,
}: Pick<RedisServer, 'host' | 'port' | 'password'>): RedisView {
  const client = new Redis({ host, port, ...(password !== undefined && { password }) })
  // A server that is killed on purpose breaks its connections.
  client.on('error', () => {})
  return {
    client,
    keys: async (kind) => (await client.keys(`ingester:{*}:${kind}:*`)).sort(),
    [Symbol.asyncDispose]: async () => client.disconnect(),
  }
}
