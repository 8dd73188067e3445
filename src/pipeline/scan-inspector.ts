import { bracketed } from '#core/address.ts'
import type { RecordKey, RecordInspector, StoredRow } from '#core/pipeline.ts'
import { canonicalIp } from './ip.ts'
import { parseJsonMessage } from './json-message.ts'
import { rejecting } from './rejection.ts'
import { ipOf, keyText, portOf, serviceOf, wordsToKey } from './scan-key.ts'

/** How users name a scan, and how it is shown to them. */
export const scanInspector: RecordInspector = {
  example: ['1.1.1.7', '443', 'HTTP'],
  keyOf: (words) => rejecting(() => named(...wordsToKey(words))),
  keyFromMessage: (delivery) =>
    rejecting(() => {
      // Of any size: it will not be stored.
      const message = parseJsonMessage(delivery, Infinity)
      return named(ipOf(message), portOf(message), serviceOf(message))
    }),
  mentions,
  subject: ({ values: [ip, port, service] }) => `${service} on ${bracketed(String(ip))}:${port}`,
  recordOf,
  versionTime: { word: 'seen', msOf: (version) => Number(version) * 1000 },
  content: 'response',
}

function named(ip: string, port: number, service: string): RecordKey {
  return { key: keyText(ip, port, service), values: [ip, port, service] }
}

/** A row changed by hand may hold a time with fractions, or infinity. */
function recordOf([ip, port, service, response, lastSeen]: StoredRow) {
  if (!Number.isFinite(lastSeen)) return undefined
  return {
    // PostgreSQL spells some addresses in another way: `::1.2.3.4`.
    key: keyText(canonicalIp(String(ip)) ?? String(ip), Number(port), String(service)),
    version: BigInt(Math.floor(Number(lastSeen))),
    content: String(response),
  }
}

/** Service and port as words of their own, and the address in any spelling. */
function mentions({ values: [ip, port, service] }: RecordKey, text: string): boolean {
  return hasWord(text, String(service)) && hasWord(text, String(port)) && hasAddress(text, String(ip))
}

function hasWord(text: string, word: string): boolean {
  if (!text.includes(word)) return false
  return new RegExp(`(?<![\\p{L}\\p{N}_.])${RegExp.escape(word)}(?![\\p{L}\\p{N}_])`, 'u').test(text)
}

function hasAddress(text: string, ip: string): boolean {
  const runs = text.match(/[\da-f:.]+/gi)?.filter((run) => /[:.]/.test(run)) ?? []
  return runs.some((run) =>
    [run, run.replace(/[.:]$/, ''), run.replace(/:\d+$/, '')].some((one) => canonicalIp(one) === ip),
  )
}
