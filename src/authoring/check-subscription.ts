import type { Config } from '#config/config.ts'
import { advice, command } from '#core/advice.ts'
import type { Finding } from '#core/finding.ts'
import type { Fix } from '#core/fix.ts'
import { shellWord } from '#core/fix.ts'
import type { MemberFault } from '#pipeline/mapping/mapping-error.ts'
import { checkPubsub } from '#pubsub/doctor/checks.ts'
import type { Definition } from './definition.ts'
import { fixLine } from './fix-line.ts'

/** What the database or the service says about a definition. */
export interface Findings {
  readonly faults: readonly MemberFault[]
  readonly warnings: readonly MemberFault[]
}

/** What is wrong with the definition's subscription and topic, as `run` would meet them. Never rejects. */
export async function checkSubscription(
  { pubsub, consumer }: Pick<Config, 'pubsub' | 'consumer'>,
  { file, pipeline, parsed }: Definition,
  envFile?: string,
): Promise<Findings> {
  const { source } = pipeline
  const namesTopic = parsed !== undefined && parsed.mapping.topic !== parsed.mapping.name
  const { findings } = await checkPubsub({
    ...pubsub,
    ackDeadlineMs: consumer.ackDeadlineMs,
    topicId: pubsub.topicId ?? source.topicId,
    topicIsSet: pubsub.topicId !== undefined || namesTopic,
    subscriptionId: pubsub.subscriptionId ?? source.subscriptionId,
  })
  const faultOf = (finding: Finding): MemberFault => {
    const isOtherTopic = finding.name === 'subscription topic' && finding.status === 'warning'
    const path = [isOtherTopic || finding.name === 'topic' ? 'topic' : 'subscription']
    const fix =
      isOtherTopic && pubsub.topicId === undefined
        ? topicFix(finding)
        : fixLine(
            finding.fixes.map((one) => ofFile(one, file)),
            envFile,
          )
    return { path, what: finding.detail, ...(fix === undefined ? {} : { fix }) }
  }
  return {
    faults: findings.filter(({ status }) => status === 'failed').map(faultOf),
    warnings: [...overriding(pubsub), ...findings.filter(isWorthTelling).map(faultOf)],
  }
}

/** `run` without a pipeline runs the one that is configured. */
function ofFile(fix: Fix, file: string): Fix {
  return fix.kind === 'ingester' && fix.command === 'run'
    ? advice`it is created by: ${command(`run --pipeline ${shellWord(file)}`)}`
    : fix
}

/** Where the subscription may not be looked at, nothing of it was. */
function isWorthTelling({ name, status, detail }: Finding): boolean {
  return (
    status === 'warning' || (status === 'skipped' && name === 'subscription' && /permission/.test(detail))
  )
}

/** The doctor's fix sets a variable for all pipelines. */
function topicFix({ fixes: [fix] }: Finding): string {
  const id = fix?.kind === 'setting' ? fix.values['pubsub.topicId'] : ''
  return id ? `write topic: ${id}` : 'write the full name of the topic that it is attached to'
}

/** The variables are for who runs one pipeline. */
function overriding({ topicId, subscriptionId }: Config['pubsub']): MemberFault[] {
  const told = (member: string, variable: string, value: string | undefined): MemberFault[] =>
    value === undefined
      ? []
      : [
          {
            path: [member],
            what: `${variable}=${value} overrides it where this is the only pipeline`,
            fix: `unset ${variable} to use that of the file`,
          },
        ]
  return [
    ...told('subscription', 'INGESTER_SUBSCRIPTIONID', subscriptionId),
    ...told('topic', 'INGESTER_TOPICID', topicId),
  ]
}
