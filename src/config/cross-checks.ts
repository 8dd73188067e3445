import type { Conflict } from './fault.ts'
import { isGoogleProjectId } from './names.ts'
import type { Values, Variable } from './spec.ts'

export interface CrossCheck extends Pick<Conflict, 'rule'> {
  readonly variable: Variable
  readonly others: readonly Variable[]
  /** Asked only where each of the variables is valid by itself. */
  readonly isBroken: (values: Values) => boolean
}

/** What each value alone cannot show. */
export const crossChecks: readonly CrossCheck[] = [
  {
    variable: 'INGESTER_MAX_OUTSTANDING_BYTES',
    others: ['INGESTER_MAX_MESSAGE_BYTES'],
    rule: 'must not be less than INGESTER_MAX_MESSAGE_BYTES',
    isBroken: (values) => values.INGESTER_MAX_OUTSTANDING_BYTES < values.INGESTER_MAX_MESSAGE_BYTES,
  },
  {
    variable: 'INGESTER_PROJECTID',
    others: ['PUBSUB_EMULATOR_HOST'],
    rule: "must be a project's id (6 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen) or number, unless PUBSUB_EMULATOR_HOST is set",
    isBroken: ({ INGESTER_PROJECTID: projectId, PUBSUB_EMULATOR_HOST: emulatorHost }) =>
      emulatorHost === undefined && projectId !== undefined && !isGoogleProjectId(projectId),
  },
  {
    variable: 'INGESTER_POSTGRES_POOL_SIZE',
    others: ['INGESTER_WORKER_COUNT', 'INGESTER_PIPELINES'],
    rule: 'must not be less than INGESTER_WORKER_COUNT for each pipeline: each worker writes on its own connection',
    isBroken: ({
      INGESTER_POSTGRES_POOL_SIZE: size = Infinity,
      INGESTER_WORKER_COUNT: workers,
      INGESTER_PIPELINES: pipelines = [''],
    }) => size < workers * pipelines.length,
  },
  // Whose it would be is not said.
  ...(['INGESTER_TOPICID', 'INGESTER_SUBSCRIPTIONID'] as const).map((variable) => ({
    variable,
    others: ['INGESTER_PIPELINES'] as const,
    rule: 'must not be set where INGESTER_PIPELINES or --pipeline names several: each pipeline has its own',
    isBroken: (values: Values) =>
      values[variable] !== undefined && (values.INGESTER_PIPELINES?.length ?? 1) > 1,
  })),
]
