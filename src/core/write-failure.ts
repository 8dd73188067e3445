import type { ExplainedOptions } from './explained-error.ts'
import { ExplainedError } from './explained-error.ts'
import { messageOf } from './error-message.ts'

/**
 * What a failed write means to the engine: what to do next, not what went wrong.
 *
 * - `bad-row`: a row that the database refuses; find it
 * - `schema-drift`: the table is not what the pipeline expects; pause until it is fixed
 * - `conflict`: again at once
 * - `locked`: other transactions hold some of the rows; write the others, and these when they are free
 * - `too-big`: the statement ran out of time; halve the batch
 * - `infrastructure`: pause, and retry until it works
 * - `no-rights`: pause until it is fixed
 * - `unknown`: as infrastructure, but a record that alone fails so three times while others commit is dead-lettered
 */
export const failureClasses = [
  'bad-row',
  'schema-drift',
  'conflict',
  'locked',
  'too-big',
  'infrastructure',
  'no-rights',
  'unknown',
] as const
export type FailureClass = (typeof failureClasses)[number]

export interface WriteFailureOptions extends ExplainedOptions {
  readonly ownFault?: boolean
  readonly about?: string
}

/** A store did not accept a write. The message says what and where; no payload, no secret. */
export class WriteFailure extends ExplainedError {
  readonly class: FailureClass
  /** SQLSTATE or a socket error's code, where there is one. */
  readonly code: string | undefined
  /**
   * Of a `bad-row`: nothing but the row's own values decided. Another table, another row or a trigger had no say, so a
   * table that accepts the rows it has refuses this one for its own sake.
   */
  readonly ownFault: boolean
  /** Which value is to blame, where that is known. For the dead letter alone: it shows a part of the message. */
  readonly about: string | undefined

  constructor(failureClass: FailureClass, message: string, code?: string, options?: WriteFailureOptions) {
    super(message, options)
    this.name = 'WriteFailure'
    this.class = failureClass
    this.code = code
    this.ownFault = options?.ownFault ?? false
    this.about = options?.about
  }
}

/** Of anything thrown: what is none is one of class `unknown`. */
export function writeFailureOf(error: unknown): WriteFailure {
  if (error instanceof WriteFailure) return error
  return new WriteFailure('unknown', messageOf(error), undefined, { cause: error })
}
