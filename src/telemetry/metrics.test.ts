import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { bypassCauses, verdicts } from '#core/cache.ts'
import type { Delivery } from '#core/delivery.ts'
import { settlements } from '#core/delivery.ts'
import { steps } from '#core/observer.ts'
import { failureClasses } from '#core/write-failure.ts'
import { delivery } from '../../test/support/scan-message.ts'
import { emptyMetrics, measured } from '../../test/support/measured.ts'
import type { MeasuredPipeline } from './metrics.ts'

/** Of a process with one pipeline. */
function metricsWith(changes: Partial<MeasuredPipeline> = {}) {
  const metrics = emptyMetrics()
  return { ...metrics, observer: metrics.observe(measured(changes)) }
}

const deliveries = (count: number): Delivery[] => Array.from({ length: count }, () => delivery('{}'))

/** Lines of samples as [name, labels, value]. */
function samplesOf(text: string): [string, Record<string, string>, number][] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => {
    const [, name = '', labels = '', value = ''] =
      /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? assert.fail(line)
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value])
    return [name, Object.fromEntries(pairs), Number(value)]
  })
}

/** The samples of one metric, by the value of one of its labels. */
function valuesOf(text: string, metric: string, label = 'pipeline'): Record<string, number> {
  const own = samplesOf(text).filter(([name]) => name === metric)
  return Object.fromEntries(own.map(([, labels, value]) => [labels[label], value]))
}

/** Those that are not 0. */
const counted = (text: string, metric: string, label: string) =>
  Object.fromEntries(Object.entries(valuesOf(text, metric, label)).filter(([, value]) => value !== 0))

const types = {
  ingester_messages_received_total: 'counter',
  ingester_messages_settled_total: 'counter',
  ingester_records_ignored_total: 'counter',
  ingester_messages_outstanding: 'gauge',
  ingester_batch_records: 'histogram',
  ingester_flush_seconds: 'histogram',
  ingester_publish_to_commit_seconds: 'histogram',
  ingester_oldest_outstanding_seconds: 'gauge',
  ingester_locked_records: 'gauge',
  ingester_refused_records: 'gauge',
  ingester_dead_letters_total: 'counter',
  ingester_write_failures_total: 'counter',
  ingester_held: 'gauge',
  ingester_leases_lost_total: 'counter',
  ingester_ack_ids_rejected_total: 'counter',
  ingester_cache_verdicts_total: 'counter',
  ingester_cache_bypassed_total: 'counter',
  ingester_streams_open: 'gauge',
  ingester_streams_silent_total: 'counter',
  ingester_postgres_connections_silent_total: 'counter',
  ingester_log_lines_dropped_total: 'counter',
  ingester_build_info: 'gauge',
}

describe('the metrics', () => {
  test('that the interface promises exist, with the promised type and help', async () => {
    const text = await metricsWith().text()
    for (const [name, type] of Object.entries(types)) {
      assert.ok(text.includes(`# TYPE ${name} ${type}\n`), name)
      assert.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'))
    }
    const ours = [...text.matchAll(/^# TYPE (ingester_\w+)/gm)].map(([, name = '']) => name)
    assert.deepEqual(ours.sort(), Object.keys(types).sort(), 'and no others')
    for (const name of ['process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds'])
      assert.ok(text.includes(name))
  })

  test('with labels start at 0 for every value, so that the first event is an increase', async () => {
    const text = await metricsWith().text()
    const zeros = (kinds: readonly string[]) => Object.fromEntries(kinds.map((kind) => [kind, 0]))
    const kindsOf = {
      ingester_messages_settled_total: [
        'reason',
        ['written', 'coalesced', 'stale', 'duplicate', 'ignored', 'dead_lettered', 'nacked'],
      ],
      ingester_dead_letters_total: ['reason', ['bad-ip', 'not-json']],
      ingester_records_ignored_total: ['rule', ['test-order', 'empty']],
      ingester_cache_verdicts_total: ['verdict', verdicts],
      ingester_cache_bypassed_total: ['cause', bypassCauses],
      ingester_write_failures_total: ['class', failureClasses],
    } as const
    for (const [metric, [label, kinds]] of Object.entries(kindsOf))
      assert.deepEqual(valuesOf(text, metric, label), zeros(kinds), metric)
  })

  test('have the label pipeline, but for what is of the process', async () => {
    const metrics = metricsWith({ name: 'others' })
    metrics.observer.settled?.('written', 1)
    metrics.observer.stepTimed?.('write', 0.1)
    const ofProcess =
      /^(?:process|nodejs)_|^ingester_(?:build_info|log_lines_dropped_total|postgres_connections_silent_total)$/
    for (const [name, labels] of samplesOf(await metrics.text()))
      assert.equal(labels['pipeline'], ofProcess.test(name) ? undefined : 'others', name)
  })

  test('of two pipelines in one process are told apart', async () => {
    const metrics = emptyMetrics()
    const [orders, scans] = [
      metrics.observe(measured({ name: 'orders', outstanding: () => 2 })),
      metrics.observe(measured({ name: 'scans', outstanding: () => 5 })),
    ]
    orders.received?.(deliveries(3))
    orders.settled?.('written', 1)
    scans.received?.(deliveries(5))
    scans.held?.('PostgreSQL is away')
    const text = await metrics.text()
    assert.deepEqual(valuesOf(text, 'ingester_messages_received_total'), { orders: 3, scans: 5 })
    assert.deepEqual(valuesOf(text, 'ingester_messages_outstanding'), { orders: 2, scans: 5 })
    assert.deepEqual(valuesOf(text, 'ingester_held'), { orders: 0, scans: 1 })
    const written = samplesOf(text).filter(
      ([name, { reason }]) => name === 'ingester_messages_settled_total' && reason === 'written',
    )
    assert.deepEqual(
      written.map(([, { pipeline }, value]) => [pipeline, value]),
      [
        ['orders', 1],
        ['scans', 0],
      ],
    )
  })

  test('count every observation in its place', async () => {
    const metrics = metricsWith({ oldestOutstandingSeconds: () => 2.5 })
    const { observer } = metrics
    observer.batchSealed?.(700)
    observer.batchSealed?.(300)
    for (const step of steps) observer.stepTimed?.(step, 0.25)
    observer.committed?.(3)
    observer.deadLettered?.('bad-ip', 2)
    observer.deadLettered?.('not-json', 1)
    observer.deadLettered?.('bad-ip', 1)
    observer.ignored?.('test-order', 4)
    observer.ignored?.('test-order', 1)
    observer.writeFailed?.('conflict')
    observer.cacheVerdicts?.('stale', 7)
    observer.cacheVerdicts?.('busy', 1)
    observer.cacheVerdicts?.('stale', 2)
    observer.cacheBypassed?.('timeout', 900)
    observer.leasesLost?.(5)
    observer.streamsOpen?.(4)
    observer.streamsOpen?.(3)
    const text = await metrics.text()
    const one = (metric: string) => valuesOf(text, metric)['scans']
    assert.deepEqual([one('ingester_batch_records_sum'), one('ingester_batch_records_count')], [1000, 2])
    assert.deepEqual(
      valuesOf(text, 'ingester_flush_seconds_sum', 'step'),
      Object.fromEntries(steps.map((step) => [step, 0.25])),
    )
    assert.equal(one('ingester_publish_to_commit_seconds_sum'), 3)
    assert.deepEqual(valuesOf(text, 'ingester_dead_letters_total', 'reason'), { 'bad-ip': 3, 'not-json': 1 })
    assert.deepEqual(counted(text, 'ingester_records_ignored_total', 'rule'), { 'test-order': 5 })
    assert.deepEqual(counted(text, 'ingester_write_failures_total', 'class'), { conflict: 1 })
    assert.deepEqual(counted(text, 'ingester_cache_verdicts_total', 'verdict'), { stale: 9, busy: 1 })
    assert.deepEqual(counted(text, 'ingester_cache_bypassed_total', 'cause'), { timeout: 900 })
    assert.equal(one('ingester_leases_lost_total'), 5)
    assert.equal(one('ingester_streams_open'), 3)
    assert.equal(one('ingester_oldest_outstanding_seconds'), 2.5)
    assert.deepEqual(valuesOf(text, 'ingester_build_info', 'version'), { '1.2.3': 1 })
  })

  test('have received = settled + outstanding, with a reason for every settlement', async () => {
    let outstanding = 0
    const metrics = metricsWith({ outstanding: () => outstanding })
    metrics.observer.received?.(deliveries(100))
    outstanding = 100
    for (const [i, settlement] of settlements.entries()) {
      metrics.observer.settled?.(settlement, i + 1)
      outstanding -= i + 1
    }
    const text = await metrics.text()
    const settled = valuesOf(text, 'ingester_messages_settled_total', 'reason')
    assert.deepEqual(settled, {
      written: 1,
      coalesced: 2,
      stale: 3,
      duplicate: 4,
      ignored: 5,
      dead_lettered: 6,
      nacked: 7,
    })
    const sum =
      Object.values(settled).reduce((a, b) => a + b) +
      (valuesOf(text, 'ingester_messages_outstanding')['scans'] ?? 0)
    assert.equal(valuesOf(text, 'ingester_messages_received_total')['scans'], sum)
  })

  test('report a pause, whatever the reason, and its end', async () => {
    const metrics = metricsWith()
    const held = async () => valuesOf(await metrics.text(), 'ingester_held')['scans']
    assert.equal(await held(), 0)
    metrics.observer.held?.('PostgreSQL is away')
    metrics.observer.held?.('it refuses everything')
    assert.equal(await held(), 1)
    metrics.observer.held?.(undefined)
    assert.equal(await held(), 0)
  })

  test('of two services in one process are separate', async () => {
    const [one, other] = [metricsWith(), metricsWith()]
    one.observer.received?.(deliveries(3))
    assert.equal(valuesOf(await one.text(), 'ingester_messages_received_total')['scans'], 3)
    assert.equal(valuesOf(await other.text(), 'ingester_messages_received_total')['scans'], 0)
  })
})
