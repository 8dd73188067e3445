import type { Config } from '#config/config.ts'
import { addressOf } from '#core/address.ts'
import { shellWord } from '#core/fix.ts'

/** A line for a shell that opens the database; psql asks for the password, which is nobody's to print. */
export function psqlLine({ host, port, user, database, sslMode }: Config['postgres']): string {
  const where = `${addressOf(host, port)}/${encodeURIComponent(database)}?sslmode=${sslMode}`
  return `psql ${shellWord(`postgres://${encodeURIComponent(user)}@${where}`)}`
}
