import type { Config } from '#config/config.ts'
import type { DeadLetterStatus } from '#core/dead-letter.ts'
import { refusedByDatabase } from '#core/dead-letter.ts'
import { ConfigurationError } from '#core/failure.ts'
import type {
  DeadLetterFilter,
  LetterSummary,
  ReasonGroup,
  SelectedLetter,
  WholeLetter,
} from '#postgres/dead-letters.ts'
import {
  moveLetters,
  readLetter,
  readNewest,
  readReasons,
  readSummaries,
  selectLetters,
} from '#postgres/dead-letters.ts'
import { withConnection } from '#postgres/pool.ts'
import { asWriteFailure } from '#postgres/sqlstate.ts'
import { checkDeadLetterTable } from '#postgres/start-check.ts'
import type { Transactional } from '#postgres/transaction.ts'
import { inTransaction, rollingBack } from '#postgres/transaction.ts'
import { withConnectionErrors } from '#connect/postgres.ts'

export type { DeadLetterStatus } from '#core/dead-letter.ts'
export type { DeadLetterFilter, LetterSummary, ReasonGroup, WholeLetter } from '#postgres/dead-letters.ts'

type DatabaseConfig = Pick<Config, 'postgres'>

/** Letters to do something with: always of one status, so that nothing is done twice by mistake. */
export interface Selection extends DeadLetterFilter {
  readonly status: DeadLetterStatus
  /** The first so many by publish time. */
  readonly limit?: number | undefined
}

/** Of which subscription letters are expected to be. */
interface Origin {
  /** Full name; undefined: of any. */
  readonly subscription?: string | undefined
}

export interface Listing {
  /** Of all letters that match, the most frequent first. */
  readonly reasons: readonly ReasonGroup[]
  /** How many match. */
  readonly total: number
  /** The newest of them. */
  readonly letters: readonly LetterSummary[]
}

/** @throws ConfigurationError, UnreachableError */
export function listLetters(
  config: DatabaseConfig,
  filter: DeadLetterFilter,
  limit: number,
): Promise<Listing> {
  return readingTable(config, async (client) => {
    const reasons = await readReasons(client, filter)
    const total = reasons.reduce((sum, { count }) => sum + count, 0)
    return { reasons, total, letters: await readNewest(client, filter, limit) }
  })
}

/** A letter with all that is known about it. */
export interface ShownLetter extends WholeLetter {
  /** What a person can do about it, a line each. */
  readonly next: readonly string[]
}

/** @throws ConfigurationError where there is none of that id; UnreachableError */
export async function showLetter(config: DatabaseConfig, id: number): Promise<ShownLetter> {
  const letter = await readingTable(config, (client) => readLetter(client, id))
  if (!letter) throw new ConfigurationError(notThere([id]))
  return { ...letter, next: nextFor(letter) }
}

function nextFor({ id, status, reason, cut }: WholeLetter): string[] {
  if (status === 'redriven') {
    return [
      'It was published again, as a new message: nothing is left to do here. Had that one failed, too, it would be',
      'a letter of its own: bin/ingester dead-letters list',
    ]
  }
  if (cut) {
    return [
      'Its data was cut when it was stored, so it cannot be redriven. Raise INGESTER_MAX_MESSAGE_BYTES and publish it',
      `again from where it came from; then: bin/ingester dead-letters discard --ids ${id}`,
    ]
  }
  const fix =
    reason === refusedByDatabase
      ? 'PostgreSQL refused its row. Fix what the detail names (a constraint, a trigger, a column), then:'
      : 'The message itself is not as the pipeline wants it: fix its sender. Once the pipeline or its settings take it:'
  const again = `bin/ingester dead-letters redrive --ids ${id}${status === 'new' ? '' : ` --status ${status}`}`
  const drop = `If nobody needs it: bin/ingester dead-letters discard --ids ${id}`
  return [fix, `  ${again}`, ...(status === 'new' ? [drop] : [])]
}

/** What `discard` did. */
export interface Discarded {
  readonly selected: number
  readonly discarded: number
  /** Redriven or discarded by somebody else meanwhile. */
  readonly skipped: number
}

/** What a command that changes letters asks of and tells its user. */
export interface Conversation {
  /** A line about one letter that is not dealt with as the others are. */
  note(id: number, why: string): void
  /** Whether to go on. */
  agree(selected: number): Promise<boolean>
  progress(done: number, of: number): void
}

/** How many letters one statement marks. */
const batchLetters = 1000

/**
 * Marks letters as discarded; their rows stay. Undefined: the user did not agree.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function discardLetters(
  config: DatabaseConfig,
  selection: Selection,
  user: Conversation,
): Promise<Discarded | undefined> {
  const selected = await fixLetters(config, selection, user)
  if (selected.length > 0 && !(await user.agree(selected.length))) return undefined
  return onTable(config, writing, async (client) => {
    let discarded = 0
    for (let at = 0; at < selected.length; at += batchLetters) {
      const ids = selected.slice(at, at + batchLetters).map(({ id }) => id)
      discarded += await inTransaction(client, () => moveLetters(client, ids, selection.status, 'discarded'))
      user.progress(at + ids.length, selected.length)
    }
    return { selected: selected.length, discarded, skipped: selected.length - discarded }
  })
}

/** What a selection means at the moment. */
export interface Preview {
  readonly selected: number
  /** Of these nothing can be published: their data was cut. */
  readonly cut: number
  /** Nor can these: they came from another subscription. */
  readonly foreign: number
  /** The first of them, in the order in which they would be dealt with. */
  readonly letters: readonly LetterSummary[]
}

/** For `--dry-run`: changes nothing. */
export async function previewLetters(
  config: DatabaseConfig,
  selection: Selection & Origin,
  user: Pick<Conversation, 'note'>,
  show: number,
): Promise<Preview> {
  const selected = await fixLetters(config, selection, user)
  const first = selected.slice(0, show).map(({ id }) => id)
  const letters = await readingTable(config, (client) => readSummaries(client, first))
  const foreign = selected.filter((letter) => letter.foreign && !letter.cut).length
  return { selected: selected.length, cut: selected.filter(({ cut }) => cut).length, foreign, letters }
}

/**
 * The letters of a selection, from now on fixed. Whoever names letters by their ids means each of them: one that is
 * not there is an error, and of one that is left out the user hears.
 *
 * @throws ConfigurationError, UnreachableError
 */
export function fixLetters(
  config: DatabaseConfig,
  { limit, subscription, ...filter }: Selection & Origin,
  user: Pick<Conversation, 'note'>,
): Promise<SelectedLetter[]> {
  return readingTable(config, async (client) => {
    const named = filter.ids ? await readSummaries(client, filter.ids) : []
    const unknown = new Set(filter.ids).difference(new Set(named.map(({ id }) => id)))
    if (unknown.size > 0) throw new ConfigurationError(notThere([...unknown]))
    const selected = await selectLetters(client, filter, limit, subscription)
    const taken = new Set(selected.map(({ id }) => id))
    for (const { id, status } of named) {
      if (taken.has(id)) continue
      const isOther = status !== filter.status
      user.note(
        id,
        isOther ? `it is ${status}; --status ${status} selects it` : 'the other options leave it out',
      )
    }
    return selected
  })
}

function notThere(ids: readonly number[]): string {
  const what = ids.length === 1 ? 'is no dead letter' : 'are no dead letters'
  return `there ${what} ${ids.join(', ')}; those there are: bin/ingester dead-letters list --status all`
}

/** The rights of those who mark letters. */
export const writing = ['SELECT', 'UPDATE']

/** Reads the table in one transaction, after the same look. */
function readingTable<T>(config: DatabaseConfig, work: (client: Transactional) => Promise<T>): Promise<T> {
  return onTable(config, ['SELECT'], (client) => rollingBack(client, () => work(client)))
}

/**
 * Works on the table on one connection, after a look whether it is there with what is needed. What is done in no
 * transaction may meet another search path behind a pooler.
 */
export function onTable<T>(
  { postgres }: DatabaseConfig,
  rights: readonly string[],
  work: (client: Transactional) => Promise<T>,
): Promise<T> {
  return withConnectionErrors(postgres, () =>
    withConnection(postgres, async (client) => {
      await rollingBack(client, () => checkDeadLetterTable(client, rights))
      return work(client)
    }).catch((error: unknown) => {
      const { class: failureClass, message } = asWriteFailure(error, 'table dead_letters')
      if (failureClass !== 'too-big') throw error
      const fix = 'raise INGESTER_POSTGRES_STATEMENT_TIMEOUT, or wait until another redrive is done'
      throw new ConfigurationError(`${message}; ${fix}`, { cause: error })
    }),
  )
}
