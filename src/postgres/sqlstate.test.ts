import assert from 'node:assert/strict'
import { test } from 'vitest'
import pg from 'pg'
import { explain } from '#connect/explain.ts'
import { asWriteFailure, breaksConnection, isConnectionFailure, isRefusedForGood } from './sqlstate.ts'

function serverError(
  code: string,
  message: string,
  fields: Partial<pg.DatabaseError> = {},
): pg.DatabaseError {
  const error = new pg.DatabaseError(message, message.length, 'error')
  return Object.assign(error, { code, ...fields })
}

const failureOf = (error: unknown) => asWriteFailure(error, 'table t')

test('every class of SQLSTATE', () => {
  const expected = {
    'bad-row': ['22P02', '22003', '22021', '23502', '23505', '23514', '54000', 'P0001'],
    'schema-drift': ['42P01', '42703', '42704', '42804', '42P10', '3F000'],
    conflict: ['40001', '40P01', '26000', '42P05', '0A000'],
    locked: ['55P03'],
    'too-big': ['57014', '25P04'],
    infrastructure: [
      '08006',
      '08P01',
      '25006',
      '53100',
      '53200',
      '53300',
      '57P01',
      '57P02',
      '57P03',
      '58030',
    ],
    'no-rights': ['28000', '28P01', '42501', '3D000'],
    unknown: ['XX000', 'P0002', '42601', '21000'],
  }
  const found = Object.fromEntries(
    Object.entries(expected).map(([failureClass, codes]) => [
      failureClass,
      codes.filter((code) => failureOf(serverError(code, 'no', { position: '1' })).class === failureClass),
    ]),
  )
  assert.deepEqual(found, expected)
})

test('an error about one row is that row’s, whatever its SQLSTATE', () => {
  const classOf = (code: string, fields: Partial<pg.DatabaseError>) =>
    failureOf(serverError(code, 'no', fields)).class
  const trigger = 'PL/pgSQL function t() line 1 at EXECUTE'
  const classes = [
    classOf('42501', { routine: 'ExecWithCheckOptions' }),
    classOf('42501', { where: trigger }),
    classOf('42P01', { where: trigger, position: '1' }),
    classOf('42704', {}),
    classOf('53400', { routine: 'exec_stmt_raise', where: trigger }),
    classOf('40P01', { routine: 'exec_stmt_raise', where: trigger }),
  ]
  assert.deepEqual(new Set(classes), new Set(['bad-row']))
  assert.equal(classOf('42501', {}), 'no-rights')
  assert.equal(classOf('57P01', { where: trigger }), 'infrastructure')
  assert.equal(classOf('40P01', { where: trigger }), 'conflict')
})

test('errors of node-postgres without a code', () => {
  const classOf = (message: string) => failureOf(new Error(message)).class
  for (const message of [
    'Query read timeout',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    'Client has encountered a connection error and is not queryable',
    'The server does not support SSL connections',
  ]) {
    assert.equal(classOf(message), 'infrastructure', message)
  }
  assert.equal(
    classOf('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a non-empty string'),
    'no-rights',
  )
  assert.equal(classOf('undefined is not a function'), 'unknown')
  assert.equal(failureOf('thrown text').class, 'unknown')
})

test('socket errors keep their code', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })
  const failure = failureOf(refused)
  assert.equal(failure.class, 'infrastructure')
  assert.equal(failure.code, 'ECONNREFUSED')
  assert.equal(failure.message, 'table t: connect ECONNREFUSED 127.0.0.1:1 [ECONNREFUSED]')
})

test('the message names place, SQLSTATE, column, constraint and fix', () => {
  assert.equal(
    explain(failureOf(serverError('42703', 'column "x" of relation "t" does not exist', { position: '1' }))),
    'table t: column "x" of relation "t" does not exist [42703]; ' +
      'the table must match db/migrations: run `migrate up`, or undo the manual change',
  )
  const check = serverError('23514', 'violates check constraint', {
    column: 'port',
    constraint: 'port_range',
  })
  assert.equal(
    failureOf(check).message,
    'table t: violates check constraint [23514] (column port, constraint port_range)',
  )
})

test('failures that cost the connection', () => {
  const breaks = (code: string) => breaksConnection(failureOf(serverError(code, 'no')))
  assert.deepEqual(['22P02', '23514', '42P01', '40P01', '57014', '42501'].filter(breaks), [])
  const breaking = ['57P01', '25006', '26000', '42P05', '0A000', 'XX000']
  assert.deepEqual(breaking.filter(breaks), breaking)
  assert.ok(breaksConnection(failureOf(new Error('Query read timeout'))))
})

test('failures at startup that no waiting fixes', () => {
  const [password, away, table] = [
    serverError('28P01', 'no'),
    serverError('57P03', 'no'),
    serverError('42P01', 'no'),
  ]
  assert.deepEqual([password, away, table].map(isRefusedForGood), [true, false, false])
  assert.deepEqual([password, away, table].map(isConnectionFailure), [true, true, false])
})
