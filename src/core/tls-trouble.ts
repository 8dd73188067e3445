import type { Mend } from './mend.ts'
import { shell } from './mend.ts'

/** Why a certificate is not believed, and what to do; undefined where the error is about something else. */
export interface CertificateTrouble {
  readonly detail: string
  readonly mend: Mend
}

const untrusted = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]

/**
 * @param otherHost the mend where the certificate is that of another host, whose name it has
 */
export function certificateTrouble(
  error: unknown,
  otherHost: (name: string) => Mend,
): CertificateTrouble | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  if (error.code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const name = firstNameIn(error) ?? 'the.name.in.the.certificate'
    return { detail: error.message, mend: otherHost(name) }
  }
  if (!untrusted.includes(String(error.code))) return undefined
  return {
    detail: `${error.message}: its authority is not known here; name its certificate, a PEM file`,
    // Node.js reads it when it starts: in an env file it would come too late.
    mend: shell('export NODE_EXTRA_CA_CERTS=ca.crt'),
  }
}

/** Codes by which OpenSSL and Node.js say that a certificate is not to be believed: waiting does not change it. */
const refusals = new Set([
  ...untrusted,
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
])

export function isCertificateRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && refusals.has(String(error.code))
}

function firstNameIn(error: Error): string | undefined {
  const { cert } = error as { cert?: { subjectaltname?: string } }
  return /(?:DNS|IP Address):([^,\s]+)/.exec(cert?.subjectaltname ?? '')?.[1]
}
