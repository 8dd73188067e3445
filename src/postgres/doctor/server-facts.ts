import type { Queryable } from '../queryable.ts'

/** What a server reports about itself and about our role and database. Names are quoted where they must be. */
export interface ServerFacts {
  readonly role: string
  readonly database: string
  /** Of the database: `UTF8`. */
  readonly encoding: string
  readonly version: string
  /** `180004`: 18.4. */
  readonly versionNumber: number
  /** `TLSv1.3`; null: the connection is plaintext. */
  readonly tls: string | null
  readonly isStandby: boolean
  /** As far as the role may see it. */
  readonly primaryConninfo: string | null
  readonly isSuperuser: boolean
  /** There is a role of that name, so that it need not be created. */
  readonly hasIngesterRole: boolean
  readonly schema: string | null
  /** How many connections the server, the database and the role allow us. Superusers have no limit of their own. */
  readonly connectionLimit: number
  /** Those that are free now. */
  readonly freeConnections: number
  /** Functions that reading the epoch needs and the role may not call. */
  readonly refusedFunctions: readonly string[]
  readonly settings: Readonly<Record<string, SettingFacts>>
}

export interface SettingFacts {
  readonly name: string
  readonly setting: string
  /** Where it was set: `configuration file`, `user`, … */
  readonly source: string
}

const watchedSettings = [
  'fsync',
  'full_page_writes',
  'synchronous_commit',
  'default_transaction_read_only',
  'max_connections',
]

/** `reserved_connections` is there from PostgreSQL 16 on. Only superusers see who is behind a standby's settings. */
const text = `
SELECT quote_ident(current_user) AS role, quote_ident(current_database()) AS database,
       current_setting('server_encoding') AS encoding,
       current_setting('server_version') AS version, current_setting('server_version_num')::integer AS "versionNumber",
       (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl) AS tls,
       pg_is_in_recovery() AS "isStandby",
       (SELECT setting FROM pg_settings WHERE name = 'primary_conninfo') AS "primaryConninfo",
       r.rolsuper AS "isSuperuser",
       EXISTS (SELECT FROM pg_roles WHERE rolname = 'ingester') AS "hasIngesterRole",
       quote_ident(current_schema()) AS schema,
       CASE WHEN r.rolsuper THEN l.server ELSE least(l.server, l.role, l.database) END AS "connectionLimit",
       CASE WHEN r.rolsuper THEN l.server - n.server
            ELSE least(l.server - n.server, l.role - n.role, l.database - n.database) END AS "freeConnections",
       ARRAY(SELECT f FROM unnest(ARRAY['pg_control_system()', 'pg_current_wal_lsn()', 'pg_walfile_name(pg_lsn)',
                                        'pg_relation_filenode(regclass)',
                                        'pg_postmaster_start_time()']) AS f
             WHERE NOT has_function_privilege(f, 'EXECUTE')) AS "refusedFunctions",
       (SELECT json_object_agg(name, json_build_object('name', name, 'setting', setting, 'source', source))
        FROM pg_settings WHERE name = ANY ($1)) AS settings
FROM pg_roles AS r, pg_database AS d,
     LATERAL (SELECT current_setting('max_connections')::integer
                       - CASE WHEN r.rolsuper THEN 0
                              ELSE current_setting('superuser_reserved_connections')::integer
                                   + coalesce(current_setting('reserved_connections', true)::integer, 0) END AS server,
                     nullif(r.rolconnlimit, -1) AS role, nullif(d.datconnlimit, -1) AS database) AS l,
     LATERAL (SELECT count(*)::integer AS server, (count(*) FILTER (WHERE usesysid = r.oid))::integer AS role,
                     (count(*) FILTER (WHERE datid = d.oid))::integer AS database
              FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS n
WHERE r.rolname = current_user AND d.datname = current_database()`

/** @throws whatever the connection throws */
export async function serverFacts(connection: Queryable): Promise<ServerFacts> {
  const { rows } = await connection.query<ServerFacts>(text, [watchedSettings])
  if (!rows[0]) throw new Error('the server does not know its own role or database')
  return rows[0]
}
