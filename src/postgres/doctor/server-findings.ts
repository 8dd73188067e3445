import pg from 'pg'
import type { Finding } from '#core/finding.ts'
import { failed, ok, warning } from '#core/finding.ts'
import type { Fix } from '#core/fix.ts'
import { secret, setting, shell, sql } from '#core/fix.ts'
import { encodingFault, encodingWarning, isEncodingFit } from '../encoding.ts'
import { tableIdentifier } from '../identifier.ts'
import { keepDaysGrant } from '../applied/keep-days-function.ts'
import type { NeededTable } from '../needed-tables.ts'
import { appliedMessages } from '../needed-tables.ts'
import type { ServerFacts, SettingFacts } from './server-facts.ts'

const superuser = 'a superuser'

/** Older ones are not tried; `pg_control_system` and all that the upsert needs is older still. */
const leastVersionNumber = 140_000

export const serverNames = [
  'postgres version',
  'postgres encoding',
  'postgres writable',
  'postgres fsync',
  'postgres full_page_writes',
  'postgres synchronous_commit',
  'postgres connections',
  'postgres role',
]

export interface Load {
  readonly poolSize: number
  readonly workers: number
}

/** Whether the role owns the tables, and whether the server is this machine: then one role may do both. */
export interface Ownership {
  readonly isOwner: boolean
  readonly isLocal: boolean
}

/** @param tables those that are used, for a role that has rights on them and nothing else */
export function serverFindings(
  facts: ServerFacts,
  load: Load,
  ownership: Ownership,
  tables: readonly NeededTable[],
): Finding[] {
  return [
    versionFinding(facts),
    encodingFinding(facts),
    writableFinding(facts),
    durabilityFinding(facts, 'fsync', 'a crash of the machine may destroy the database'),
    durabilityFinding(facts, 'full_page_writes', 'a crash of the machine may tear pages'),
    commitFinding(facts),
    connectionsFinding(facts, load),
    roleFinding(facts, ownership, tables),
  ]
}

export function versionFinding({ version, versionNumber }: ServerFacts): Finding {
  const name = 'postgres version'
  if (versionNumber >= leastVersionNumber) return ok(name, version)
  const detail = `${version} is older than 14: move the data to a newer server, here as a file`
  return failed(name, detail, shell('pg_dumpall --file all.sql'))
}

function encodingFinding({ database, encoding }: ServerFacts): Finding {
  const name = 'postgres encoding'
  const warned = encodingWarning(encoding)
  if (isEncodingFit(encoding) && warned === undefined) return ok(name, encoding)
  // A database keeps its encoding: only another one has another.
  const other = `${database.replaceAll('"', '')}_utf8`
  const fixes = [
    sql(superuser, `CREATE DATABASE ${pg.escapeIdentifier(other)} ENCODING 'UTF8' TEMPLATE template0;`),
    setting({ 'postgres.database': other }),
  ] as const
  return warned === undefined
    ? failed(name, encodingFault(encoding), ...fixes)
    : warning(name, warned, ...fixes)
}

function writableFinding({ isStandby, primaryConninfo, settings, ...facts }: ServerFacts): Finding {
  const name = 'postgres writable'
  if (isStandby)
    return failed(name, 'this is a standby: the ingester needs the primary', primary(primaryConninfo))
  const readOnly = settings['default_transaction_read_only']
  if (readOnly?.setting !== 'on') return ok(name, 'a primary')
  const detail = `default_transaction_read_only is on${origin(readOnly)}`
  return failed(name, detail, changed(readOnly, 'off', facts))
}

/** Where the standby gets its data from, as far as we may see that; else what is set, to be put right. */
function primary(conninfo: string | null): Fix {
  const part = (key: string) => new RegExp(`(?:^|\\s)${key}\\s*=\\s*'?([^'\\s]+)`).exec(conninfo ?? '')?.[1]
  const port = part('port')
  return setting({
    'postgres.host': part('host') ?? 'the.primary',
    ...(port === undefined ? {} : { 'postgres.port': port }),
  })
}

function durabilityFinding(facts: ServerFacts, name: string, danger: string): Finding {
  const { [name]: found } = facts.settings
  if (found?.setting !== 'off') return ok(`postgres ${name}`, found?.setting ?? 'on')
  return failed(`postgres ${name}`, `off${origin(found)}: ${danger}`, changed(found, 'on', facts))
}

function commitFinding(facts: ServerFacts): Finding {
  const name = 'postgres synchronous_commit'
  const { synchronous_commit: found } = facts.settings
  if (found?.setting !== 'off') return ok(name, found?.setting ?? 'on')
  const detail = `off${origin(found)}; the ingester switches it on for itself, others may lose commits`
  return warning(name, detail, changed(found, 'on', facts))
}

/** Of those sources that a person may not think of. */
function origin({ source }: SettingFacts): string {
  const places: Readonly<Record<string, string>> = {
    user: ' for this role',
    database: ' for this database',
    'database user': ' for this role in this database',
    global: ' for all roles',
    client: ' by PGOPTIONS',
    'command line': " on the server's command line; start it with",
  }
  return places[source] ?? ''
}

/** A setting is changed where it was made: what stands nearer to the connection wins. */
function changed(
  { name, source }: SettingFacts,
  wanted: string,
  { role, database }: Pick<ServerFacts, 'role' | 'database'>,
): Fix {
  switch (source) {
    case 'user':
      return sql(superuser, `ALTER ROLE ${role} RESET ${name};`)
    case 'database':
      return sql(superuser, `ALTER DATABASE ${database} RESET ${name};`)
    case 'database user':
      return sql(superuser, `ALTER ROLE ${role} IN DATABASE ${database} RESET ${name};`)
    case 'global':
      return sql(superuser, `ALTER ROLE ALL RESET ${name};`)
    case 'client':
      return shell('unset PGOPTIONS')
    case 'command line':
      return shell(`postgres -c ${name}=${wanted}`)
    default:
      return sql(superuser, `ALTER SYSTEM SET ${name} = ${wanted};`, 'SELECT pg_reload_conf();')
  }
}

function connectionsFinding({ connectionLimit, freeConnections: free }: ServerFacts, load: Load): Finding {
  const name = 'postgres connections'
  const { poolSize, workers } = load
  const figures = `of ${connectionLimit} that this role may have, ${free} are free`
  if (poolSize > connectionLimit) {
    return failed(name, `a pool of ${poolSize} is too large: ${figures}`, smallerPool(free, workers))
  }
  if (poolSize <= free) return ok(name, `a pool of ${poolSize}; ${figures}`)
  const detail = `a pool of ${poolSize} exceeds the free connections: ${figures}`
  return warning(name, detail, smallerPool(free, workers))
}

/** Each worker writes on its own connection. One is free at least: that on which we ask. */
function smallerPool(size: number, workers: number): Fix {
  return setting({
    'postgres.poolSize': size,
    ...(workers > size ? { 'engine.workers': size } : {}),
  })
}

function roleFinding(
  { role, isSuperuser, hasIngesterRole, schema }: ServerFacts,
  { isOwner, isLocal }: Ownership,
  tables: readonly NeededTable[],
): Finding {
  const name = 'postgres role'
  if (!isSuperuser && isOwner && isLocal) return ok(name, `${role} owns the tables, on this machine`)
  if (!isSuperuser && !isOwner) return ok(name, `${role} neither owns the tables nor is a superuser`)
  const what = isSuperuser ? 'is a superuser' : 'owns the tables'
  return warning(
    name,
    `${role} ${what}: anyone with its password can drop them; run as a role that can only write`,
    sql(
      isSuperuser ? role : superuser,
      ...(hasIngesterRole ? [] : ['CREATE ROLE ingester LOGIN;']),
      ...(schema === null ? [] : [`GRANT USAGE ON SCHEMA ${schema} TO ingester;`]),
      ...tables.map(
        (table) => `GRANT ${table.rights.join(', ')} ON ${tableIdentifier(table.name)} TO ingester;`,
      ),
      ...(tables.includes(appliedMessages) ? [`${keepDaysGrant('ingester')};`] : []),
      '\\password ingester',
    ),
    setting({ 'postgres.user': 'ingester' }),
    secret('postgres.password'),
  )
}
