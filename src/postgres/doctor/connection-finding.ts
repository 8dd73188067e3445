import pg from 'pg'
import { addressOf } from '#core/address.ts'
import { messageOf } from '#core/error-message.ts'
import type { Finding } from '#core/finding.ts'
import { failed } from '#core/finding.ts'
import type { Fix } from '#core/fix.ts'
import { inFile, ingester, ownStack, remark, secret, setting, shell, sql } from '#core/fix.ts'
import { isLoopback } from '#core/loopback.ts'
import { certificateProblem } from '#core/certificate-problem.ts'
import { identifier } from '../identifier.ts'
import type { PostgresOptions } from '../pool.ts'
import { ignoringLine, refusedParameter } from '../pooler-refusal.ts'
import { isConnectionFailure, isWithoutTls } from '../sqlstate.ts'

const superuser = 'a superuser'

/**
 * Why there is no connection, and the fix that fits the reason.
 *
 * @param migrateUp the command that creates the tables in a new database
 */
export function connectionFinding(
  name: string,
  error: unknown,
  options: PostgresOptions,
  migrateUp = 'migrate up',
): Finding {
  const where = `${addressOf(options.host, options.port)}/${options.database}`
  const problem = certificateProblem(error, (host) => setting({ 'postgres.host': host }))
  if (problem) return failed(name, `${where}: ${problem.detail}`, problem.fix)
  return failed(name, `${where}: ${messageOf(error)}`, ...refusalFixes(error, options, migrateUp))
}

type Fixes = [Fix, ...Fix[]]

function refusalFixes(error: unknown, options: PostgresOptions, migrateUp: string): Fixes {
  const code = error instanceof pg.DatabaseError ? error.code : undefined
  const message = messageOf(error)
  const role = identifier(options.user)
  const database = identifier(options.database)
  if (code === '28P01' || message.startsWith('SASL: ')) return [secret('postgres.password')]
  if (code === '28000') return [notLetIn(message, role, options)]
  if (code === '3D000') {
    return [sql(superuser, `CREATE DATABASE ${database} OWNER ${role};`), ingester(migrateUp)]
  }
  if (code === '42501') return [sql(superuser, `GRANT CONNECT ON DATABASE ${database} TO ${role};`)]
  if (code === '53300') return [tooMany(message, role, database)]
  const parameter = refusedParameter(error)
  if (parameter !== undefined) {
    const line = inFile('pgbouncer.ini, section [pgbouncer]; then RELOAD', ignoringLine(parameter))
    return parameter === 'options' ? [shell('unset PGOPTIONS'), line] : [line]
  }
  // It starts, or ends: then one asks again.
  if (code !== undefined && isConnectionFailure(error)) return [ingester('doctor')]
  if (isWithoutTls(error)) {
    return [
      isLoopback(options.host)
        ? setting({ 'postgres.sslMode': 'disable' })
        : sql(`${superuser}; it needs server.crt and server.key`, 'ALTER SYSTEM SET ssl = on;', reload),
    ]
  }
  return unreachable(options)
}

const reload = 'SELECT pg_reload_conf();'

/** By `pg_hba.conf`, or by the role itself. */
function notLetIn(message: string, role: string, { sslMode }: PostgresOptions): Fix {
  const [, host, user, database] = /host "([^"]+)", user "([^"]+)", database "([^"]+)"/.exec(message) ?? []
  if (host === undefined) {
    return /does not exist/.test(message)
      ? sql(superuser, `CREATE ROLE ${role} LOGIN;`, `\\password ${role}`)
      : sql(superuser, `ALTER ROLE ${role} LOGIN;`)
  }
  if (sslMode === 'disable' && !isLoopback(host)) return setting({ 'postgres.sslMode': 'verify-full' })
  const mask = host.includes(':') ? 128 : 32
  return inFile(
    'pg_hba.conf, above the line that rejects; then SELECT pg_reload_conf()',
    `host "${database}" "${user}" ${host}/${mask} scram-sha-256`,
  )
}

function tooMany(message: string, role: string, database: string): Fix {
  if (/for role/.test(message)) return sql(superuser, `ALTER ROLE ${role} CONNECTION LIMIT -1;`)
  if (/for database/.test(message)) return sql(superuser, `ALTER DATABASE ${database} CONNECTION LIMIT -1;`)
  return sql(`${superuser}; it needs a restart`, 'ALTER SYSTEM SET max_connections = 200;')
}

/** The cause cannot be determined from here; where the address was read from is what helps. */
function unreachable({ host, port }: PostgresOptions): Fixes {
  const names = ['postgres.host', 'postgres.port'] as const
  if (isLoopback(host)) {
    return [
      remark(`start the server that should listen at ${addressOf(host, port)}, or fix`, ...names),
      ownStack,
    ]
  }
  const paths = 'that its name resolves here, that it runs, and that no firewall is in between; otherwise fix'
  return [remark(`check that ${addressOf(host, port)} is right, ${paths}`, ...names)]
}
