const isMark = (text: string) => /^\d{19}:[\w-]{22}$/.test(text)
const isClaim = (text: string) => /^\d{19}\|/.test(text)

/**
 * What one call of the cache's script may do to what stood there, whoever wrote the script: a watermark is raised by a
 * confirm and by nothing else, and never falls; somebody else's claim is replaced by a newer one's begin, and never
 * ends.
 *
 * @param before all that it held; `after` says what stands there now
 */
export function protocolBreaches(
  operation: string,
  token: string,
  before: ReadonlyMap<string, string>,
  after: (key: string) => string | undefined,
): string[] {
  const breaches: string[] = []
  for (const [key, was] of before) {
    const is = after(key)
    if (is === was) continue
    if (isMark(was)) {
      if (is === undefined) breaches.push(`${operation} removed the watermark ${key}`)
      else if (operation !== 'confirm') breaches.push(`${operation} changed the watermark ${key}`)
      else if (is.slice(0, 19) < was.slice(0, 19)) breaches.push(`${operation} lowered the watermark ${key}`)
    } else if (isClaim(was) && was.slice(20) !== token) {
      if (is === undefined) breaches.push(`${operation} ended somebody else's claim ${key}`)
      else if (operation !== 'begin') breaches.push(`${operation} changed somebody else's claim ${key}`)
      else if (is.slice(0, 19) <= was.slice(0, 19)) {
        breaches.push(`${operation} took over a claim of a version that is not older: ${key}`)
      }
    }
  }
  return breaches
}
