import type { CommandLine, Config } from '#config/config.ts'
import type { Finding } from '#core/finding.ts'
import { failed, ok, skipped, skippedAll } from '#core/finding.ts'
import { sketchOver } from '#connect/bind.ts'
import { variables } from '#connect/option-variables.ts'
import { explain } from '#connect/explain.ts'
import type { Fix } from '#core/fix.ts'
import { ingester, remark, shell } from '#core/fix.ts'
import type { LoadedPipeline } from '#core/pipeline.ts'
import { countsOnce } from '#core/pipeline.ts'
import { checkPostgres } from '#postgres/doctor/checks.ts'
import { tableNames } from '#postgres/doctor/table-findings.ts'
import { checkPubsub } from '#pubsub/doctor/checks.ts'
import { checkRedis } from '#redis/doctor/checks.ts'
import { adminFinding } from './admin-finding.ts'
import {
  combinationFindings,
  deleteHorizonFinding,
  identityHorizonFinding,
  postgresTlsFinding,
  redisTlsFinding,
  redisTtlFinding,
} from './combination-findings.ts'
import { readConfig } from './config-findings.ts'
import type { ConfigOrigins } from './render-fixes.ts'
import { renderFixes, secretOrigin } from './render-fixes.ts'
import { migrationsDir } from '#runtime/project.ts'
import { version } from '#runtime/version.ts'

/** A finding as it is printed. */
export interface ReportedCheck {
  readonly name: string
  readonly status: Finding['status']
  readonly detail: string
  /** Lines to paste. */
  readonly fix?: string
}

export interface DoctorReport {
  readonly checks: readonly ReportedCheck[]
  /** Nothing has failed; there may be warnings. */
  readonly ok: boolean
}

export interface Diagnosis {
  readonly report: DoctorReport
  /** The configuration can be used: the rest has been looked at. */
  readonly isConfigured: boolean
}

/** Each server's checks have time limits of their own; this is for what they do not foresee. */
const limitMs = 8000

/** Checks everything that the service needs and changes nothing. Takes less than ten seconds, even if a server hangs. */
export async function diagnose(options: CommandLine): Promise<Diagnosis> {
  const { findings, origins, usable } = await readConfig(options)
  const all = [
    ...programFindings(process.versions.node),
    ...findings,
    ...(usable
      ? await serviceFindings(usable.config, usable.pipelines)
      : skippedAll(['postgres', 'redis', 'pubsub', 'admin port'], 'the configuration is invalid')),
  ]
  const checks = all.map(({ name, status, detail, fixes }) => ({
    name,
    status,
    detail: usable ? withOrigin(detail, fixes, origins) : detail,
    ...(fixes.length > 0 ? { fix: renderFixes(fixes, origins) } : {}),
  }))
  const isOk = checks.every(({ status }) => status !== 'failed')
  return { report: { checks, ok: isOk }, isConfigured: usable !== undefined }
}

/** A rejected password is easier to fix with the place that it was read from. */
function withOrigin(detail: string, fixes: readonly Fix[], origins: ConfigOrigins): string {
  const [first] = fixes
  return first?.kind === 'secret' ? `${detail}${secretOrigin(variables[first.option], origins)}` : detail
}

const leastNodeMajor = 24

export function programFindings(node: string): Finding[] {
  return [
    ok('ingester', version),
    Number.parseInt(node, 10) >= leastNodeMajor
      ? ok('node', node)
      : failed(
          'node',
          `${node} is older than ${leastNodeMajor}; the project installs a newer one`,
          shell('npm ci'),
        ),
  ]
}

const withoutCache = ok('redis', 'not used: each record counts, and none is stale')
const redisOff = ok('redis', 'off (INGESTER_REDIS_ENABLED=false): PostgreSQL does all the work')

async function serviceFindings(config: Config, pipelines: readonly LoadedPipeline[]): Promise<Finding[]> {
  const [ofAdmin, ...ofPipelines] = await Promise.all([
    adminFinding(config.http),
    ...pipelines.map((pipeline) => pipelineFindings(config, pipeline, pipelines.length)),
  ])
  // What they have in common is said once.
  const all = [...combinationFindings(config, pipelines), ofAdmin, ...named(pipelines, ofPipelines)]
  return [...new Map(all.toReversed().map((one) => [contentOf(one), one])).values()].toReversed()
}

/** Without the time that it took. */
const contentOf = ({ name, status, detail }: Finding) => [name, status, detail.replace(/\d+ ms$/, '')].join()

/** What each pipeline has of its own; its tables and migrations are named already. */
const ownNames = /^(?:topic|subscription|epoch|redis ttl|delete horizon|identity horizon)\b/

/** Of several pipelines each finding that is not about all of them has the pipeline in its name. */
function named(pipelines: readonly LoadedPipeline[], found: readonly (readonly Finding[])[]): Finding[] {
  const isShared = (one: Finding) =>
    !ownNames.test(one.name) &&
    found.flat().every((other) => other.name !== one.name || contentOf(other) === contentOf(one))
  return found.flatMap((findings, at) =>
    findings.map((one) =>
      pipelines.length < 2 || isShared(one) ? one : { ...one, name: `${one.name} of ${pipelines[at]?.name}` },
    ),
  )
}

async function pipelineFindings(config: Config, loaded: LoadedPipeline, count: number): Promise<Finding[]> {
  const { postgres, pubsub, redis, engine } = config
  const { pipeline, contradiction } = await sketchOver({ ...postgres, ...sketchTimeouts }, loaded)
  const place = {
    ...pubsub,
    ackDeadlineMs: config.consumer.ackDeadlineMs,
    topicId: pubsub.topicId ?? pipeline.source.topicId,
    topicIsSet: pubsub.topicId !== undefined,
    subscriptionId: pubsub.subscriptionId ?? pipeline.source.subscriptionId,
  }
  const hasCache = redis.enabled && !countsOnce(pipeline.sink)
  const [ofPostgres, ofRedis, ofPubsub] = await Promise.all([
    within('postgres', () =>
      checkPostgres({
        postgres,
        poolSize: engine.poolSize,
        workers: engine.workers * count,
        table: pipeline.sink,
        pipeline: pipeline.name,
        migrationsDir,
        withCache: redis.enabled,
        identityHorizonMs: engine.identityHorizonMs,
      }),
    ),
    hasCache
      ? within('redis', () => checkRedis(redis, pipeline.name))
      : [countsOnce(pipeline.sink) ? withoutCache : redisOff],
    within('pubsub', () => checkPubsub(place)),
  ])
  const { findings, retentionMs } = Array.isArray(ofPubsub)
    ? { findings: ofPubsub, retentionMs: undefined }
    : ofPubsub
  return [
    ...(contradiction === undefined ? [] : [mappingFinding(pipeline.name, contradiction)]),
    postgresTlsFinding(postgres),
    ...(contradiction === undefined ? ofPostgres : withoutTable(ofPostgres, pipeline.sink.name)),
    ...(hasCache ? [redisTlsFinding(redis), redisTtlFinding(redis, retentionMs)] : []),
    ...(pipeline.sink.deletes ? [deleteHorizonFinding(engine, retentionMs)] : []),
    ...(countsOnce(pipeline.sink) ? [identityHorizonFinding(engine, retentionMs)] : []),
    ...ofRedis,
    ...findings,
  ]
}

/** Its place stands in the detail. */
function mappingFinding(name: string, contradiction: unknown): Finding {
  return failed(`mapping ${name}`, explain(contradiction), remark('correct the file, or the table'))
}

/** What the table needs is not known before it and the file agree. */
function withoutTable(findings: readonly Finding[], table: string): Finding[] {
  const names = new Set(tableNames(table, true))
  return findings.map((one) => (names.has(one.name) ? skipped(one.name, 'see mapping') : one))
}

/** Before all others: within the time of one check. */
const sketchTimeouts = { connectTimeoutMs: 1500, statementTimeoutMs: 1000, clientTimeoutMarginMs: 500 }

/** What `checks` finds; a failure where it takes too long or throws. */
export async function within<T>(
  name: string,
  checks: () => Promise<T>,
  ms = limitMs,
): Promise<T | Finding[]> {
  const outcome = Promise.withResolvers<T | Finding[]>()
  const giveUp = (why: string) => outcome.resolve([failed(name, why, ingester('doctor'))])
  const timer = setTimeout(() => giveUp(`no answer within ${ms / 1000} s`), ms)
  checks().then(outcome.resolve, (error: unknown) => giveUp(explain(error)))
  return outcome.promise.finally(() => clearTimeout(timer))
}
