// What a column's name says about whether it tells newer rows from older ones.

/** By rank, the best first: as in a sentence after the column's name. */
export const versionReasons: readonly string[] = [
  'its name says that it changes with the row',
  'its name says that it counts changes',
  'its name is that of a time',
  'its name says when a row was created, which tells changes apart only where each has another',
]

const changes =
  /updated|update(time|at|on|ts|date)|lastupdate|modif(ied|ication)|lastmod|changed|changetime|lastchange|lastseen|refreshed|touched|mtime$/
/** Who or how often, rather than when. */
const noTime = /^(by|count|counts|id|ids|user|users|total|number|reason|flag|status)$/
const counters = /^(version|versions|vsn|ver|revision|rev|seq|sequence|lsn|scn|generation|offset|optlock)$/
/** Of something else than the row. */
const noCounter = /^(by|count|schema|api|app|format|client|protocol|min|max|minimum|maximum)$/
const times =
  /^(ts|timestamp|time|at|occurred|observed|recorded|measured|seen|received|published|emitted|produced|sent)$/
/** Words beside these that leave it the time of the whole message. */
const neutral = /^(event|message|msg|record|row|source|data|server|device|on|utc|last)$/
const integerTimes = /^(event)?_?(ts|timestamp|time)(_?(s|sec|seconds|ms|millis|us|micros|ns|nanos))?$/
const creations = /^(created|inserted|creation|created?at|added)$/

/** A place in {@link versionReasons}; undefined where it says nothing of the kind. */
export function versionRank(name: string, type: string): number | undefined {
  const snake = name.replace(/([a-z\d])([A-Z])/g, '$1_$2').toLowerCase()
  const words = snake.split(/[^\p{L}]+/u).filter((word) => word !== '')
  const has = (pattern: RegExp) => words.some((word) => pattern.test(word))
  if (changes.test(words.join('')) && !has(noTime) && !has(/^first$/)) return 0
  if (has(counters) && !has(noCounter)) return 1
  const isTime =
    type === 'timestamptz'
      ? has(times) && words.every((word) => times.test(word) || neutral.test(word))
      : integerTimes.test(snake)
  if (isTime) return 2
  return has(creations) && !has(noTime) ? 3 : undefined
}
