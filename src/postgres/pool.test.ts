import assert from 'node:assert/strict'
import { test } from 'vitest'
import { noLogger } from '#core/logger.ts'
import type { PoolOptions } from './pool.ts'
import { connectionOptions, createPool } from './pool.ts'

const options: PoolOptions = {
  host: 'db.example.org',
  port: 5432,
  user: 'scanner',
  password: 'secret',
  database: 'scans',
  sslMode: 'verify-full',
  poolSize: 3,
  statementTimeoutMs: 30_000,
}

function tlsOf(sslMode: PoolOptions['sslMode']) {
  const { ssl } = connectionOptions({ ...options, sslMode })
  return ssl as { rejectUnauthorized: boolean; checkServerIdentity?: (host: string) => unknown }
}

test('disable: no TLS, whatever PGSSLMODE says', () => {
  assert.equal(tlsOf('disable'), false)
})

test('require: encrypted, without verification', () => {
  assert.deepEqual(tlsOf('require'), { rejectUnauthorized: false })
})

test('verify-ca: a certificate of a known authority, for any host', () => {
  const { rejectUnauthorized, checkServerIdentity } = tlsOf('verify-ca')
  assert.equal(rejectUnauthorized, true)
  assert.ok(checkServerIdentity)
  assert.equal(checkServerIdentity('another.example.org'), undefined)
})

test('verify-full: the certificate of this host, checked by Node.js', () => {
  const { rejectUnauthorized, ...others } = tlsOf('verify-full')
  assert.equal(rejectUnauthorized, true)
  assert.equal(others.checkServerIdentity, undefined)
})

test('an empty password counts: PGPASSWORD and ~/.pgpass are not read', async () => {
  const { password } = connectionOptions({ ...options, password: '' })
  assert.equal(typeof password === 'function' && (await password()), '')
})

test('a pool with its limits, none of them a startup parameter; nothing connects yet', async () => {
  const pool = createPool(options, noLogger)
  assert.equal(pool.totalCount, 0)
  const { max, statement_timeout, query_timeout, connectionTimeoutMillis, idleTimeoutMillis, keepAlive } =
    pool.options
  assert.deepEqual(
    { max, statement_timeout, query_timeout, connectionTimeoutMillis, idleTimeoutMillis, keepAlive },
    {
      max: 3,
      statement_timeout: undefined,
      query_timeout: 35_000,
      connectionTimeoutMillis: 5000,
      idleTimeoutMillis: 0,
      keepAlive: true,
    },
  )
  await pool.end()
})
