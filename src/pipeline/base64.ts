/**
 * The bytes of base64 with padding in the standard alphabet; undefined where it is something else. `Buffer.from` never
 * fails, so only what encodes to the same text again was right.
 */
export function bytesOfBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

/**
 * Whether `bytesOfBase64` takes it, without a second text.
 *
 * @param decodedLength bytes that Node makes of it: it goes past what it does not know, which then lacks in the length, and
 *   it takes the alphabet of URLs as well
 */
export function isBase64(text: string, decodedLength: number): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (decodedLength !== (text.length / 4) * 3 - padding) return false
  if (text.includes('-') || text.includes('_')) return false
  return padding === 0 || lastBeforePadding[padding].includes(text[text.length - padding - 1] as string)
}

/** Those of which no bit is left over. */
const lastBeforePadding = { 1: 'AEIMQUYcgkosw048', 2: 'AQgw' } as const
