import { randomBytes } from 'node:crypto'

/**
 * An unguessable password, 144 bits, of letters, digits, `-` and `_`: it needs no quoting in SQL, in URLs,
 * in env files and in configuration files.
 */
export function randomPassword(): string {
  return randomBytes(18).toString('base64url')
}
