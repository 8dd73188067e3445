import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Stack } from '#stack/stack.ts'
import { statusReporter } from './status.ts'

const login = { user: 'u', password: 'p' }
const given = {
  postgres: {
    ...login,
    host: '127.0.0.1',
    port: 5433,
    database: 'd',
    writer: login,
    serviceFile: '/x/service',
  },
  pubsub: { emulatorHost: '127.0.0.1:8085' },
  missing: [] as { service: 'redis'; why: string; fix: string }[],
}

test('a Redis that nobody wanted is none; one that is not installed says so', () => {
  const redis = (change: Partial<typeof given>) =>
    statusReporter({ ...given, ...change } as unknown as Stack, 'demo')().services.find(
      ({ name }) => name === 'Redis',
    )?.address
  assert.equal(redis({}), 'none')
  const missing = [{ service: 'redis' as const, why: 'redis-server is not on PATH', fix: 'install it' }]
  assert.equal(redis({ missing }), 'none: redis-server is not on PATH')
})
