import { isClaim, isMark, tokenOf, versionOf } from '../simulated/servers/redis.ts'

/**
 * What one call of the cache's script may do to existing values, in any implementation: a watermark is made and
 * raised by a confirm and by nothing else, and never falls; a claim is made by a begin; another token's is replaced by
 * a newer one's begin, and never ends.
 *
 * @param before all that it held
 * @param after all that it holds now
 */
export function protocolBreaches(
  operation: string,
  token: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const [was, is] = [before.get(key), after.get(key)]
    if (is === was) return []
    return [ofMark(operation, was, is), ofClaim(operation, token, was, is)]
      .filter((what) => what !== undefined)
      .map((what) => `${operation} ${what} ${key}`)
  })
}

function ofMark(operation: string, was: string | undefined, is: string | undefined): string | undefined {
  const stood = was !== undefined && isMark(was)
  const stands = is !== undefined && isMark(is)
  if (stood && is === undefined) return 'removed the watermark'
  if (operation !== 'confirm') return stood || stands ? 'changed the watermark' : undefined
  return stood && stands && versionOf(is) < versionOf(was) ? 'lowered the watermark' : undefined
}

function ofClaim(
  operation: string,
  token: string,
  was: string | undefined,
  is: string | undefined,
): string | undefined {
  const isOthers = was !== undefined && isClaim(was) && tokenOf(was) !== token
  if (isOthers && is === undefined) return "ended another token's claim"
  const stands = is !== undefined && isClaim(is)
  if (stands && operation !== 'begin') return 'made the claim'
  if (stands && isOthers && versionOf(is) <= versionOf(was)) {
    return 'took over the claim of a version that is not older:'
  }
  return undefined
}
