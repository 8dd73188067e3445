import type { Config } from '#config/config.ts'
import type { Advice } from '#core/advice.ts'
import { advice, command, option } from '#core/advice.ts'
import { identityReused, refusedByDatabase, tooOld } from '#core/dead-letter.ts'
import { badIdentity } from '#core/identity.ts'
import type { DeadLetterDetail } from '#postgres/dead-letters.ts'
import { readDeadLetter } from '#postgres/dead-letters.ts'
import { pipelineArgument, pipelineOptionOf } from './pipeline-argument.ts'
import { unknownIds } from './selection.ts'
import type { DatabaseConfig } from './table.ts'
import { readDeadLetterTable } from './table.ts'

/** A dead letter with all that is known about it. */
export interface ShownDeadLetter extends DeadLetterDetail {
  /** What a person can do about it, a line each. */
  readonly next: readonly Advice[]
}

/**
 * @param given name or path of a pipeline, which commands that it suggests are given, too
 * @throws ConfigurationError where there is none of that id; UnreachableError
 */
export async function showDeadLetter(
  config: DatabaseConfig & Pick<Config, 'pipelines'>,
  id: number,
  given?: string,
): Promise<ShownDeadLetter> {
  const deadLetter = await readDeadLetterTable(config, (client) => readDeadLetter(client, id))
  if (!deadLetter) throw unknownIds([id])
  const options = {
    list: pipelineOptionOf(given),
    redrive: await pipelineArgument(deadLetter.pipeline, config.pipelines, given),
  }
  return { ...deadLetter, next: nextFor(deadLetter, options) }
}

function nextFor(
  { id, status, reason, cut }: DeadLetterDetail,
  options: { readonly list: string; readonly redrive: string },
): Advice[] {
  if (status === 'redriven') {
    return [
      advice`It was published again, as a new message: nothing is left to do here. Had that one failed, too, it would be`,
      advice`a dead letter of its own: ${command(`dead-letters list${options.list}`)}`,
    ]
  }
  if (cut) {
    return [
      advice`Its data was cut when it was stored, so it cannot be redriven. Raise ${option('limits.maxMessageBytes')} and publish it`,
      advice`again from where it came from; then: ${command(`dead-letters discard --ids ${id}`)}`,
    ]
  }
  const ofIdentity = identityFixes[reason]
  const again = command(
    `dead-letters redrive --ids ${id}${ofIdentity ? ' --as-new' : ''}${status === 'new' ? '' : ` --status ${status}`}${options.redrive}`,
  )
  const drop = advice`If it is not needed: ${command(`dead-letters discard --ids ${id}`)}`
  const fixes = ofIdentity ?? [reason === refusedByDatabase ? refusedFix : rejectedFix]
  return [...fixes, advice`  ${again}`, ...(status === 'new' ? [drop] : [])]
}

const refusedFix = advice`PostgreSQL rejected its row. Fix what the detail names (a constraint, a trigger, a column), then:`
const rejectedFix = advice`The pipeline rejects this message: fix its publisher. Once the pipeline or its settings accept it:`

/** Published again as it is, such a message would come back. */
const identityFixes: Readonly<Record<string, readonly Advice[] | undefined>> = {
  [tooOld]: [
    advice`It was published so long ago that what has counted since then is forgotten. If you know from elsewhere that it has`,
    advice`not counted, publish it as a new message, which counts:`,
  ],
  [identityReused]: [
    advice`Another message with the same identity and other values has counted: fix its publisher, which must give each request`,
    advice`a key of its own. If this one is to count as well:`,
  ],
  [badIdentity]: [
    advice`Its attributes say in a wrong way which message or request it repeats: fix its publisher. If it repeats none that has`,
    advice`counted, publish it as a new message:`,
  ],
}
