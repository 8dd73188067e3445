import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { inspect } from 'node:util'
import pg from 'pg'
import { asWriteFailure } from './sqlstate.ts'

const secret = 'hunter2'

function serverError(code: string, message: string, fields: Partial<pg.DatabaseError> = {}) {
  return Object.assign(new pg.DatabaseError(message, message.length, 'error'), { code, ...fields })
}

/** What is told of it, looked through for the secret. */
function told(error: pg.DatabaseError): string {
  const failure = asWriteFailure(error, 'table t')
  assert.doesNotMatch(inspect(failure, { depth: null, showHidden: true }), new RegExp(secret))
  return failure.message
}

describe('values are not revealed', () => {
  for (const [code, message, expected] of [
    ['22P02', `invalid input syntax for type inet: "${secret}"`, 'invalid text representation [22P02]'],
    ['22003', `value "${secret}" is out of range for type integer`, 'numeric value out of range [22003]'],
    ['22012', `division of ${secret} by zero`, 'data exception [22012]'],
    ['45000', `no ${secret}`, 'an error of the server [45000]'],
    ['XX000', `no ${secret}`, 'internal error [XX000]'],
    ['HV000', `the other server says ${secret}`, 'an error of the server [HV000]'],
    ['38000', `python says ${secret}`, 'an error of the server [38000]'],
    ['P0001', `no ${secret}`, 'rejected by a trigger or function [P0001]'],
    ['P0004', `assertion of ${secret}`, 'rejected by a trigger or function [P0004]'],
  ] as const) {
    test(code, () =>
      assert.equal(
        told(serverError(code, message, { detail: secret, hint: secret })),
        `table t: ${expected}`,
      ),
    )
  }
})

test('an error raised by PL/pgSQL has any SQLSTATE and names that its author chose: none of its text is revealed', () => {
  for (const code of ['23505', '40001', '53300', '57014', '08006', '42501', '28000', 'XX001', '00000']) {
    const raised = {
      routine: 'exec_stmt_raise',
      file: 'pl_exec.c',
      constraint: secret,
      column: secret,
      table: secret,
      detail: secret,
    }
    const where = 'PL/pgSQL function no_telnet() line 1 at RAISE'
    const message = told(serverError(code, secret, { ...raised, where }))
    assert.ok(message.startsWith(`table t: rejected by no_telnet() [${code}]`), message)
    told(serverError(code, secret, raised))
  }
})

test('nor if another language raised it, or it happened in a function, in any language of the server', () => {
  assert.match(
    told(serverError('23505', secret, { file: 'plpy_elog.c' })),
    /rejected by a trigger or function/,
  )
  assert.match(
    told(
      serverError('42601', secret, { where: `PL/pgSQL-Funktion audit(text,integer) Zeile 3 bei EXECUTE` }),
    ),
    /: syntax error or access rule violation in audit\(text,integer\) \[42601\]/,
  )
  assert.match(
    told(
      serverError('42601', secret, {
        where: `SQL statement "SELECT '${secret}\nPL/pgSQL function ${secret}()`,
      }),
    ),
    /: syntax error or access rule violation \[42601\]/,
  )
  assert.match(told(serverError('40P01', secret, { where: secret })), /: deadlock detected \[40P01\]/)
})

test('for errors known to contain no values the message is shown, with its names', () => {
  const message = 'null value in column "ip" of relation "t" violates not-null constraint'
  assert.equal(
    told(serverError('23502', message, { column: 'ip', table: 't', detail: `(${secret})` })),
    `table t: ${message} [23502] (column ip)`,
  )
  const parent = { table: 'audit', constraint: 'audit_fkey' }
  assert.match(told(serverError('23503', 'no parent', parent)), /\(table audit, constraint audit_fkey\)$/)
})

test('the reported text is one short line of printable characters', () => {
  const message = told(
    serverError('42501', `a\nb\u001b[31m\u202e${'x'.repeat(1000)}`, { constraint: 'c\n'.repeat(99) }),
  )
  assert.doesNotMatch(message, /[\p{Cc}\p{Cf}]/u)
  assert.match(message, /a\\nb\\u001b\[31m\\u202ex/)
  assert.ok(message.length < 700, `${message.length}`)
  assert.doesNotMatch(asWriteFailure(new Error('a\nb'), 'table t').message, /\n/)
})
