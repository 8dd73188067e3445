import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { Redis } from 'ioredis'
import { configOf } from '#config/config.ts'
import { until } from '../../test/support/postgres.ts'
import { startTestRedis } from '../../test/support/redis-cache.ts'
import { RedisConnection } from './connection.ts'

const server = await startTestRedis({ requirepass: 'first' })
const folder = await mkdtemp(join(tmpdir(), 'rotation-'))
afterAll(() => rm(folder, { recursive: true }))
const admin = new Redis({ host: server.host, port: server.port, password: 'first' })
afterAll(() => admin.disconnect())

const needed = { INGESTER_PROJECTID: 'my-project', INGESTER_POSTGRES_URL: 'postgres://u:p@h/d' }

for (const [variable, text] of [
  ['INGESTER_REDIS_PASSWORD_FILE', (password: string) => `${password}\n`],
  ['INGESTER_REDIS_URL_FILE', (password: string) => `redis://:${password}@${server.host}:${server.port}\n`],
] as const) {
  test(`${variable}: a connection made after a rotation uses the new password, without a restart`, async () => {
    const file = join(folder, variable)
    await admin.config('SET', 'requirepass', 'first')
    await writeFile(file, text('first'))
    const address = { INGESTER_REDIS_ADDR: `${server.host}:${server.port}` }
    const { redis } = configOf({ ...needed, ...address, [variable]: file }).config
    const connection = new RedisConnection(redis)
    try {
      await until(async () => connection.unavailableReason === undefined)
      await admin.config('SET', 'requirepass', 'second')
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await until(async () => /WRONGPASS/.test(connection.unavailableReason?.message ?? ''))
      // While it is being replaced: said, and tried again.
      await rm(file)
      await until(async () =>
        /_FILE .*cannot be read: ENOENT/.test(connection.unavailableReason?.message ?? ''),
      )
      assert.equal(connection.unavailableReason?.bypass, 'no-rights')
      await writeFile(file, text('second'))
      await until(async () => connection.unavailableReason === undefined)
      await connection.read('MGET', ['key'])
    } finally {
      connection.close()
    }
  })
}
