import type { ConnectionOptions } from 'node:tls'
import { trustedAuthorities } from '#runtime/authorities.ts'

export interface TlsSettings {
  /** As libpq names them. */
  readonly sslMode: 'disable' | 'require' | 'verify-ca' | 'verify-full'
  /** A PEM file of authorities beside those of Node.js. */
  readonly authoritiesFile?: string | undefined
}

/**
 * TLS as libpq means it: `require` encrypts without knowing to whom, `verify-ca` checks the certificate,
 * `verify-full` its host name too. https://www.postgresql.org/docs/18/libpq-ssl.html
 */
export function tlsOptions({ sslMode, authoritiesFile }: TlsSettings): false | ConnectionOptions {
  const authorities = trustedAuthorities(authoritiesFile)
  const verified = {
    rejectUnauthorized: true,
    // Read by node-postgres once a connection.
    get secureContext() {
      return authorities()
    },
  }
  switch (sslMode) {
    case 'disable':
      return false
    case 'require':
      return { rejectUnauthorized: false }
    case 'verify-ca':
      return Object.defineProperty(verified, 'checkServerIdentity', {
        value: () => undefined,
        enumerable: true,
      })
    case 'verify-full':
      return verified
  }
}
