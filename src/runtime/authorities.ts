import { readFileSync } from 'node:fs'
import type { SecureContext } from 'node:tls'
import { createSecureContext, getCACertificates } from 'node:tls'

/**
 * The authorities that TLS trusts, read at each connection: those that Node.js knows, which it reads when it
 * starts, and those that the file has now. A file that is away or half written leaves what it had last.
 *
 * @returns undefined: what Node.js knows
 */
export function trustedAuthorities(file: string | undefined): () => SecureContext | undefined {
  let read: string | undefined
  let context: SecureContext | undefined
  return () => {
    if (file === undefined) return undefined
    try {
      const now = readFileSync(file, 'utf8')
      // Some 150 certificates are parsed for it: 3 ms.
      if (now !== read) context = createSecureContext({ ca: [...getCACertificates('default'), now] })
      read = now
    } catch {
      // The connection itself says whether one was missed.
    }
    return context
  }
}
