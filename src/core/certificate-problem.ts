import type { Fix } from './fix.ts'
import { remark, shell } from './fix.ts'

/** Why a certificate is not believed, and what to do; undefined where the error is about something else. */
export interface CertificateProblem {
  readonly detail: string
  readonly fix: Fix
}

const untrusted = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]

/**
 * @param otherHost the fix where the certificate is that of another host, whose name it has
 */
export function certificateProblem(
  error: unknown,
  otherHost: (name: string) => Fix,
): CertificateProblem | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  if (error.code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const name = firstNameIn(error) ?? 'the.name.in.the.certificate'
    return { detail: error.message, fix: otherHost(name) }
  }
  const advice = certificateAdvice(error)
  if (advice !== undefined) return { detail: error.message, fix: remark(advice) }
  if (!untrusted.includes(String(error.code))) return undefined
  return {
    detail: `${error.message}: its authority is not known here; name its certificate, a PEM file`,
    // Node.js reads it when it starts: in an env file it would come too late.
    fix: shell('export NODE_EXTRA_CA_CERTS=ca.crt'),
  }
}

const advices: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', "renew the server's certificate, or that of its authority"],
  [
    'CERT_NOT_YET_VALID',
    "set the clocks of this machine and of the server; else wait until the server's certificate is valid",
  ],
  ['CERT_REVOKED', 'give the server another certificate: the one that it has was revoked'],
  [
    'CERT_SIGNATURE_FAILURE',
    'give the server a certificate whose signature is right: this one was damaged or forged',
  ],
  ['CERT_UNTRUSTED', 'give the server a certificate that is meant for TLS servers'],
  ['CERT_REJECTED', 'give the server a certificate that is meant for TLS servers'],
  ['INVALID_PURPOSE', 'give the server a certificate that is meant for TLS servers'],
  ['INVALID_CA', 'have the certificate signed by an authority that may sign others'],
])

/** What is to be done about a certificate itself; undefined where the error is about something else. */
export function certificateAdvice(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? advices.get(String(error.code)) : undefined
}

/** Codes by which OpenSSL and Node.js say that a certificate is not to be believed: waiting does not change it. */
const refusals = new Set([...untrusted, 'ERR_TLS_CERT_ALTNAME_INVALID', ...advices.keys()])

export function isCertificateRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && refusals.has(String(error.code))
}

function firstNameIn(error: Error): string | undefined {
  const { cert } = error as { cert?: { subjectaltname?: string } }
  return /(?:DNS|IP Address):([^,\s]+)/.exec(cert?.subjectaltname ?? '')?.[1]
}
