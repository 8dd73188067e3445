import pg from 'pg'
import type { PostgresOptions } from './pool.ts'
import { withConnection } from './pool.ts'

/** Tables that this role makes from now on can be read and written by that one, and its functions called. */
export async function grantByDefault(owner: PostgresOptions, role: string): Promise<void> {
  const name = pg.escapeIdentifier(role)
  const text = `ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${name};
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO ${name}`
  await withConnection(owner, (client) => client.query(text))
}
