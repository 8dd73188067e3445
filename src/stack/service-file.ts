import { rm, writeFile } from 'node:fs/promises'
import { host } from './ports.ts'
import type { Credentials } from './postgres-files.ts'

/** As in `psql service=scans`. */
export const serviceName = 'scans'

/**
 * Where clients find the database and the password, so that neither stands in a command line. A former one is replaced.
 *
 * @throws Error where there is another one at once: root's server runs as another user, whose folder this is, and what a
 * link there points to is not to be written
 */
export const writeServiceFile = async (
  file: string,
  credentials: Credentials,
  port: number,
): Promise<void> => {
  const { user, password, database } = credentials
  const lines = [
    `[${serviceName}]`,
    `host=${host}`,
    `port=${port}`,
    `dbname=${database}`,
    `user=${user}`,
    `password=${password}`,
    '',
  ]
  await rm(file, { force: true })
  await writeFile(file, lines.join('\n'), { mode: 0o600, flag: 'wx' })
}
