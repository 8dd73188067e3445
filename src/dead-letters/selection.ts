import { ConfigurationError } from '#core/command-error.ts'
import type { DeadLetterStatus } from '#core/dead-letter.ts'
import { advice, command } from '#core/advice.ts'
import { pipelineNames } from '#connect/pipelines.ts'
import type { DeadLetterFilter, DeadLetterSummary, SelectedDeadLetter } from '#postgres/dead-letters.ts'
import { readSummaries, selectDeadLetters } from '#postgres/dead-letters.ts'
import type { DatabaseConfig } from './table.ts'
import { readDeadLetterTable } from './table.ts'

/** Dead letters to change: always of one status, so that nothing is done twice by mistake. */
export interface Selection extends DeadLetterFilter {
  readonly status: DeadLetterStatus
  /** Only the first ones by publish time. */
  readonly limit?: number | undefined
}

/** From which subscription the dead letters are expected to come. */
interface Origin {
  /** Full name; undefined: of any. */
  readonly subscription?: string | undefined
}

/** How a command that changes dead letters talks to its user. */
export interface UserPrompt {
  /** A line about one dead letter that is treated differently. */
  warn(id: number, why: string): void
  /** Whether to continue. */
  confirm(selected: number): Promise<boolean>
  progress(done: number, of: number): void
}

/**
 * The dead letters that a selection means now. Where they are named by id, each of them is meant: one that does not
 * exist is an error, and one that is left out is reported to the user.
 *
 * @throws ConfigurationError, UnreachableError
 */
export function resolveSelection(
  config: DatabaseConfig,
  { limit, subscription, ...filter }: Selection & Origin,
  user: Pick<UserPrompt, 'warn'>,
): Promise<SelectedDeadLetter[]> {
  return readDeadLetterTable(config, async (client) => {
    const named = filter.ids ? await readSummaries(client, filter.ids) : []
    const unknown = new Set(filter.ids).difference(new Set(named.map(({ id }) => id)))
    if (unknown.size > 0) throw unknownIds([...unknown])
    const selected = await selectDeadLetters(client, filter, limit, subscription)
    const taken = new Set(selected.map(({ id }) => id))
    for (const one of named) if (!taken.has(one.id)) user.warn(one.id, whyLeftOut(one, { limit, ...filter }))
    return selected
  })
}

function whyLeftOut(
  { status, pipeline }: DeadLetterSummary,
  { status: wanted, pipeline: ofPipeline, reasons, sinceMs, limit }: Selection,
): string {
  if (ofPipeline !== undefined && pipeline !== ofPipeline) {
    const reference = pipelineNames.includes(pipeline) ? pipeline : `with the file of ${pipeline}`
    return `it is of the pipeline ${pipeline}, and this command is for ${ofPipeline}; --pipeline ${reference} selects it`
  }
  if (status !== wanted) return `it is ${status}; --status ${status} selects it`
  const given = Object.entries({ '--reason': reasons, '--since': sinceMs, '--limit': limit })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name)
  return `${given.join(' or ') || 'another option'} leaves it out`
}

/** What a selection means at the moment. */
export interface Preview {
  readonly selected: number
  /** Of these nothing can be published: their data was cut. */
  readonly cut: number
  /** Nor can these: they came from another subscription. */
  readonly foreign: number
  /** The first of them, in the order in which they would be dealt with. */
  readonly letters: readonly DeadLetterSummary[]
}

/** For `--dry-run`: changes nothing. */
export async function previewSelection(
  config: DatabaseConfig,
  selection: Selection & Origin,
  user: Pick<UserPrompt, 'warn'>,
  show: number,
): Promise<Preview> {
  return previewOf(config, await resolveSelection(config, selection, user), show)
}

/** As {@link previewSelection}, of one that is resolved. */
export async function previewOf(
  config: DatabaseConfig,
  selected: readonly SelectedDeadLetter[],
  show: number,
): Promise<Preview> {
  const first = selected.slice(0, show).map(({ id }) => id)
  const letters = await readDeadLetterTable(config, (client) => readSummaries(client, first))
  const foreign = selected.filter((deadLetter) => deadLetter.foreign !== null && !deadLetter.cut).length
  return { selected: selected.length, cut: selected.filter(({ cut }) => cut).length, foreign, letters }
}

export function unknownIds(ids: readonly number[]): ConfigurationError {
  const what = ids.length === 1 ? 'is no dead letter' : 'are no dead letters'
  const fixes = [advice`to list them: ${command('dead-letters list --status all')}`]
  return new ConfigurationError(`there ${what} ${ids.join(', ')}`, { fixes })
}
