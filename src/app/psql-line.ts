import type { Config } from '#config/config.ts'
import { addressOf } from '#core/address.ts'
import { shellWord } from '#core/fix.ts'

/** A shell command that opens the database; psql prompts for the password, which must not be printed. */
export function psqlLine({ host, port, user, database, sslMode }: Config['postgres']): string {
  const where = `${addressOf(host, port)}/${encodeURIComponent(database)}?sslmode=${sslMode}`
  return `psql ${shellWord(`postgres://${encodeURIComponent(user)}@${where}`)}`
}
