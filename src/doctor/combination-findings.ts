import type { Config } from '#config/config.ts'
import { writeDuration } from '#config/values.ts'
import { tooOld } from '#core/dead-letter.ts'
import type { Finding } from '#core/finding.ts'
import { ok, skipped, warning } from '#core/finding.ts'
import { isLoopback } from '#core/loopback.ts'
import { setting } from '#core/fix.ts'
import type { LoadedPipeline } from '#core/pipeline.ts'
import { flushIntervalOf, isUnbound } from '#core/pipeline.ts'
import { flowControlShare } from '#pubsub/source.ts'

/** Values that are right each for itself and dangerous together. */
export function combinationFindings(config: Config, pipelines: readonly LoadedPipeline[]): Finding[] {
  return [batchFinding(config), flushFinding(config, pipelines), shutdownFinding(config)]
}

function batchFinding({ engine, consumer }: Config): Finding {
  const name = 'batch size'
  const { maxBatchRecords, maxBatchBytes } = engine
  const { maxOutstandingMessages, maxOutstandingBytes } = consumer
  const messages = Math.max(1, Math.floor(maxOutstandingMessages * flowControlShare.messages))
  const bytes = Math.max(1, Math.floor(maxOutstandingBytes * flowControlShare.bytes))
  const never = 'no batch ever fills, and each waits for INGESTER_FLUSH_INTERVAL'
  if (maxBatchRecords > messages) {
    const detail = `${maxBatchRecords} is more than the ${messages} that the server is asked for (${percent(flowControlShare.messages)} of INGESTER_MAX_OUTSTANDING_MESSAGES=${maxOutstandingMessages}): ${never}`
    return warning(name, detail, setting({ 'engine.maxBatchRecords': messages }))
  }
  if (maxBatchBytes > bytes) {
    const detail = `${maxBatchBytes} bytes are more than the ${bytes} that the server is asked for (${percent(flowControlShare.bytes)} of INGESTER_MAX_OUTSTANDING_BYTES=${maxOutstandingBytes}): ${never}`
    return warning(name, detail, setting({ 'engine.maxBatchBytes': bytes }))
  }
  return ok(name, `${maxBatchRecords} records, of ${messages} messages requested at a time`)
}

const percent = (share: number) => `${Math.round(100 * share)}%`

function flushFinding({ engine, consumer }: Config, pipelines: readonly LoadedPipeline[]): Finding {
  const name = 'flush interval'
  const intervals = pipelines.map((one) => flushIntervalOf(isUnbound(one) ? {} : one, engine.flushIntervalMs))
  const flushIntervalMs = Math.max(...intervals)
  const { ackDeadlineMs } = consumer
  const lease = `INGESTER_ACK_DEADLINE, ${writeDuration(ackDeadlineMs)}`
  if (flushIntervalMs < ackDeadlineMs) return ok(name, `${writeDuration(flushIntervalMs)}, below ${lease}`)
  const detail = `${writeDuration(flushIntervalMs)} is not below ${lease}: a replica that dies delays its messages by that`
  return warning(name, detail, setting({ 'engine.flushInterval': '100ms' }))
}

/** How long a forced shutdown takes, after a graceful one that took too long. */
const forcedShutdownMs = 2000
/** Kubernetes' default grace period. */
const graceMs = 30_000
const leastShutdownMs = 1000

function shutdownFinding({ shutdownTimeoutMs }: Config): Finding {
  const name = 'shutdown timeout'
  const fix = setting({ shutdownTimeout: '25s' })
  if (shutdownTimeoutMs < leastShutdownMs) {
    const detail = `${writeDuration(shutdownTimeoutMs)} leaves no time to drain in-flight messages: every stop is a forced one`
    return warning(name, detail, fix)
  }
  if (shutdownTimeoutMs + forcedShutdownMs <= graceMs) return ok(name, writeDuration(shutdownTimeoutMs))
  const detail = `${writeDuration(shutdownTimeoutMs)}, plus ${writeDuration(forcedShutdownMs)} for a forced shutdown, exceeds Kubernetes' default grace period of ${writeDuration(graceMs)}`
  return warning(name, detail, fix)
}

/** Rows and passwords on a network that others share. */
export function postgresTlsFinding({ host, sslMode }: Config['postgres']): Finding {
  const name = 'postgres tls'
  if (isLoopback(host)) return ok(name, `${sslMode}; ${host} is this machine`)
  const fix = setting({ 'postgres.sslMode': 'verify-full' })
  if (sslMode === 'disable')
    return warning(name, `disable: rows and password to ${host} can be read on the network`, fix)
  if (sslMode === 'require')
    return warning(name, `require: encrypted, but the identity of ${host} is not verified`, fix)
  return ok(name, sslMode)
}

export function redisTlsFinding({ host, tls }: Config['redis']): Finding {
  const name = 'redis tls'
  if (tls) return ok(name, 'verified')
  if (isLoopback(host)) return ok(name, `off; ${host} is this machine`)
  const detail = `off: what goes to ${host} can be read and changed on the network, and a forged watermark loses messages`
  return warning(name, detail, setting({ 'redis.tls': 'true' }))
}

/** A watermark that ends before its message does costs a comparison in the database, and no more. */
export function redisTtlFinding({ ttlMs }: Config['redis'], retentionMs: number | undefined): Finding {
  const name = 'redis ttl'
  if (retentionMs === undefined)
    return skipped(name, `${writeDuration(ttlMs)}; how long the subscription keeps messages is not known`)
  const kept = `the subscription keeps messages for ${writeDuration(retentionMs)}`
  if (ttlMs >= retentionMs) return ok(name, `${writeDuration(ttlMs)}; ${kept}`)
  const detail = `${writeDuration(ttlMs)}, while ${kept}: the cache does not recognize older duplicates`
  return warning(name, detail, setting({ 'redis.ttl': `${Math.ceil(retentionMs / 3_600_000)}h` }))
}

const dayMs = 86_400_000

/** What was counted and is forgotten before its last redelivery: that is a dead letter, and an operator has to find out. */
export function identityHorizonFinding(
  { identityHorizonMs }: Config['engine'],
  retentionMs: number | undefined,
): Finding {
  const name = 'identity horizon'
  const horizon = writeDuration(identityHorizonMs)
  if (retentionMs === undefined)
    return skipped(name, `${horizon}; how long the subscription keeps messages is not known`)
  const kept = `the subscription keeps messages for ${writeDuration(retentionMs)}`
  if (identityHorizonMs >= retentionMs + dayMs) return ok(name, `${horizon}; ${kept}`)
  const detail = `${horizon}, while ${kept}: messages that are as old may become dead letters (${tooOld})`
  const hours = Math.ceil((retentionMs + dayMs) / 3_600_000)
  return warning(name, detail, setting({ 'engine.identityHorizon': `${hours}h` }))
}

/** A deletion that is forgotten before its last older message has come: that message is ignored, whatever it says. */
export function deleteHorizonFinding(
  { deleteHorizonMs }: Config['engine'],
  retentionMs: number | undefined,
): Finding {
  const name = 'delete horizon'
  const horizon = writeDuration(deleteHorizonMs)
  if (retentionMs === undefined)
    return skipped(name, `${horizon}; how long the subscription keeps messages is not known`)
  const kept = `the subscription keeps messages for ${writeDuration(retentionMs)}`
  if (deleteHorizonMs >= retentionMs + dayMs) return ok(name, `${horizon}; ${kept}`)
  const detail = `${horizon}, while ${kept}: messages that are as old may be ignored`
  const hours = Math.ceil((retentionMs + dayMs) / 3_600_000)
  return warning(name, detail, setting({ 'engine.deleteHorizon': `${hours}h` }))
}
