import type { Outcome } from './request-ledger.ts'

/** What a client makes of the end of one attempt. */
export interface Answer {
  readonly outcome: Outcome
  /** What it says may become another answer later. */
  readonly isFinal: boolean
  readonly retryAfterMs?: number
}

export const confirmed: Answer = { outcome: 'confirmed', isFinal: true }
export const unknown: Answer = { outcome: 'unknown', isFinal: false }
export const notSent: Answer = { outcome: 'refused', isFinal: false }

/** What an answer promises, as the README of the system has it. */
export function answerOf(status: number, retryAfter: string | undefined, body: string): Answer {
  const seconds = Number(retryAfter)
  const later = Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {}
  if (status === 200) return confirmed
  if (status === 429 || (status === 503 && codeOf(body) === 'not-sent')) return { ...notSent, ...later }
  if (status >= 400 && status < 500) return { outcome: 'refused', isFinal: true }
  return { ...unknown, ...later }
}

function codeOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { code?: unknown }).code
  } catch {
    return undefined
  }
}
