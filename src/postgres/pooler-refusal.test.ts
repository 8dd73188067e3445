import assert from 'node:assert/strict'
import { test } from 'vitest'
import pg from 'pg'
import { ignoringLine, isRefusedByPooler, refusedParameter } from './pooler-refusal.ts'

function fromPooler(message: string, code = '08P01'): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError(message, message.length, 'error'), { code })
}

test('errors that a pooler repeats until someone changes its configuration', () => {
  for (const message of [
    'unsupported startup parameter: statement_timeout',
    'unsupported startup parameter in options: search_path',
    'no such database: scans',
    'database "scans" does not exist',
    'no such user: ingester',
    'SASL authentication failed',
    'password authentication failed',
    'SSL required',
    'TLS client certificate required',
    'TLS connection required',
    'login rejected',
    'server login failed: wrong password type',
    'transaction blocks not allowed in statement pooling mode',
  ]) {
    assert.ok(isRefusedByPooler(fromPooler(message)), message)
  }
})

test('errors that pass without a change, and errors that no pooler sends', () => {
  for (const message of [
    'server login has been failing, try again later (server_login_retry)',
    'no more connections allowed (max_client_conn)',
    'query_wait_timeout',
    'client_login_timeout (server down)',
    'cannot connect to server',
    'server DNS lookup failed',
    'database "scans" is disabled',
    'server conn crashed?',
    'the database system is starting up',
    'bouncer is shutting down',
  ]) {
    assert.equal(isRefusedByPooler(fromPooler(message)), false, message)
  }
  assert.equal(isRefusedByPooler(fromPooler('SSL required', '08006')), false)
  assert.equal(isRefusedByPooler(new Error('SSL required')), false)
})

test('the line for PgBouncer names the parameter', () => {
  const parameter = refusedParameter(fromPooler('unsupported startup parameter: extra_float_digits'))
  assert.equal(ignoringLine(parameter ?? ''), 'ignore_startup_parameters = extra_float_digits')
  const inOptions = fromPooler('unsupported startup parameter in options: search_path')
  assert.equal(refusedParameter(inOptions), 'search_path')
  assert.equal(refusedParameter(fromPooler('SSL required')), undefined)
})
