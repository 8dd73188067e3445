// What is measured: every bench with its configurations. Counts are such that the whole takes a good hour on two quiet
// processors, and each run some ten seconds.
import type { Bench, Cache, Configuration } from './configuration.ts'
import type { Kind, Workload } from './workload.ts'

const million = 1_000_000
const warmUp = 200_000

function workload(kind: Kind, measured: number, more: Partial<Workload> = {}): Workload {
  const before = more.warmUp ?? warmUp
  return { kind, messages: before + measured, warmUp: before, tableRows: 0, responseBytes: 40, ...more }
}

const ingester = (name: string, work: Workload, more: Partial<Configuration> = {}): Configuration => ({
  name,
  system: 'ingester',
  workload: work,
  broker: 'stub',
  processes: 1,
  cache: 'watermarks',
  flushIntervalMs: 100,
  guessSeconds: 20,
  ...more,
})

/** Fewer messages: it is that much slower. */
const baseline = (kind: Kind, flowControl: 'default' | 'tuned', more: Partial<Workload> = {}) =>
  ingester(`baseline, ${flowControl} flow control`, workload(kind, 150_000, { warmUp: 20_000, ...more }), {
    system: 'baseline',
    flowControl,
  })

const alone = (work: Workload) => ingester('PostgreSQL alone', work, { system: 'PostgreSQL alone' })

const cacheName: Readonly<Record<Cache, string>> = {
  on: 'watermarks and claims',
  watermarks: 'watermarks only',
  off: 'no cache',
}

const caches = (work: Workload, more: Partial<Configuration> = {}) =>
  (['on', 'watermarks', 'off'] as const).map((cache) => ingester(cacheName[cache], work, { cache, ...more }))

const millionRows = { tableRows: million }
/** The first change of a page after a checkpoint writes the whole page into the WAL: the warm-up must cover that, also for the baseline. */
const allPagesTouched = { ...millionRows, warmUp }
const newKeys = workload('new keys', 500_000)
const updates = workload('updates', 500_000, millionRows)
const stale = workload('stale', 500_000)
const secondary = 250_000

const latencies = [100, 1000, 10_000].flatMap((rate) =>
  [0, 100].map((flushIntervalMs) =>
    ingester(
      `${rate.toLocaleString('en')} messages/s, interval ${flushIntervalMs} ms`,
      workload('new keys', rate * 12, { warmUp: rate * 4 }),
      {
        broker: 'emulator',
        flushIntervalMs,
        publishPerSecond: rate,
        guessSeconds: 22,
        // Only this one has a target.
        ...(rate === 1000 && flushIntervalMs === 0 ? {} : { mostRuns: 2 }),
      },
    ),
  ),
)

const memoryRate = 5000
const mappingFile = 'bench/scans.pipeline.yaml'

export const benches: readonly Bench[] = [
  {
    name: 'new-keys',
    title: 'New keys',
    shows: 'Every message has a new key: the most work that a message can cost PostgreSQL.',
    measure: 'throughput',
    configurations: [
      ingester('ingester', newKeys),
      baseline('new keys', 'default'),
      baseline('new keys', 'tuned'),
      alone(newKeys),
    ],
  },
  {
    name: 'updates',
    title: 'Updates of a table of a million rows',
    shows: 'Every message is a newer version of an existing row, anywhere in the table.',
    measure: 'throughput',
    configurations: [
      ingester('ingester', updates),
      baseline('updates', 'default', allPagesTouched),
      baseline('updates', 'tuned', allPagesTouched),
      alone(updates),
    ],
  },
  {
    name: 'stale',
    title: 'All stale',
    shows: 'The warm-up writes 200,000 keys; every message after it is an older version of one of these.',
    measure: 'throughput',
    configurations: [
      ingester('ingester', stale),
      ingester('ingester, no cache', stale, { cache: 'off' }),
      baseline('stale', 'default'),
    ],
  },
  {
    name: 'duplicates',
    title: 'Half duplicates',
    shows: 'Every other message repeats one of the last 10,000 new ones exactly.',
    measure: 'throughput',
    configurations: caches(workload('duplicates', secondary)),
  },
  {
    name: 'hot-keys',
    title: 'Hot keys',
    shows:
      'A hundred keys get 90% of the messages, a million rows the rest; every message is newer than its row.',
    measure: 'throughput',
    configurations: caches(workload('hot keys', secondary, millionRows)),
  },
  {
    name: 'cache',
    title: 'With and without Redis',
    shows: '30% duplicates, 30% late (half of them older, half newer than what was written), 40% new keys.',
    measure: 'throughput',
    configurations: caches(workload('mixture', secondary)),
  },
  {
    name: 'responses',
    title: 'Larger responses',
    shows: 'New keys with responses of 1 KB and of 64 KB.',
    measure: 'throughput',
    configurations: [
      ingester('1 KB', workload('new keys', 200_000, { warmUp: 50_000, responseBytes: 1024 })),
      ingester('64 KB', workload('new keys', 5000, { warmUp: 1000, responseBytes: 65_536 })),
    ],
  },
  {
    name: 'mapping',
    title: 'A mapping file',
    shows:
      'Updates of a million rows by the built-in pipeline and by a mapping file that says the same; and larger messages by the mapping file.',
    measure: 'throughput',
    configurations: [
      ingester('built in', updates),
      ingester('mapping file', updates, { pipeline: mappingFile }),
      ingester('mapping file, 1 KB', workload('new keys', 200_000, { warmUp: 50_000, responseBytes: 1024 }), {
        pipeline: mappingFile,
      }),
      ingester('mapping file, 64 KB', workload('new keys', 5000, { warmUp: 1000, responseBytes: 65_536 }), {
        pipeline: mappingFile,
      }),
    ],
  },
  {
    name: 'processes',
    title: 'One process and three',
    shows:
      'Updates of a million rows, shared by the processes of one subscription, all on the same two CPUs.',
    measure: 'throughput',
    configurations: [
      ingester('one', workload('updates', secondary, millionRows)),
      ingester('three, watermarks only', workload('updates', secondary, millionRows), { processes: 3 }),
      ingester('three, with claims', workload('updates', secondary, millionRows), {
        processes: 3,
        cache: 'on',
      }),
    ],
  },
  {
    name: 'growth-messages',
    title: 'Ten million messages',
    shows: 'Ten million updates of a million rows in one process: what each further million costs.',
    measure: 'throughput',
    configurations: [
      ingester('ingester', workload('updates', 10 * million, millionRows), {
        sampleEvery: million,
        asItGoes: true,
        mostRuns: 1,
        guessSeconds: 300,
      }),
    ],
  },
  {
    name: 'growth-table',
    title: 'Tables from ten thousand to ten million rows',
    shows: 'Updates, anywhere in the table.',
    measure: 'throughput',
    configurations: [10_000, 100_000, million, 10 * million].map((tableRows) =>
      ingester(`${tableRows.toLocaleString('en')} rows`, workload('updates', secondary, { tableRows }), {
        mostRuns: 2,
        guessSeconds: tableRows > million ? 120 : 25,
      }),
    ),
  },
  {
    name: 'latency',
    title: 'Latency',
    shows:
      'From publishing on the embedded emulator until the row is visible, at a steady rate, for 12 seconds after a warm-up of 4.',
    measure: 'latency',
    configurations: latencies,
  },
  {
    name: 'start',
    title: 'Start',
    shows:
      'From the start of `bin/ingester run` until the emulator receives its first ack; a thousand messages are waiting.',
    measure: 'start',
    configurations: [
      ingester('ingester', workload('new keys', 1000, { warmUp: 0 }), {
        broker: 'emulator',
        guessSeconds: 5,
      }),
    ],
  },
  {
    name: 'memory',
    title: 'Memory over ten minutes',
    shows: 'Updates with responses of 1 KB, 5,000 messages per second from the embedded emulator.',
    measure: 'memory',
    configurations: [
      ingester(
        '1 KB',
        workload('updates', memoryRate * 600, {
          warmUp: memoryRate * 30,
          tableRows: 100_000,
          responseBytes: 1024,
        }),
        { broker: 'emulator', publishPerSecond: memoryRate, mostRuns: 1, guessSeconds: 650 },
      ),
    ],
  },
]

/** The same with a hundredth of the messages: proves that it all works, and measures nothing. */
export function quick(bench: Bench): Bench {
  const share = 100
  const configurations = bench.configurations.map((configuration) => {
    const { workload, sampleEvery } = configuration
    // At a rate, a hundredth of the messages is a hundredth of the time; a few must be left.
    const less = (count: number, least = 0) => Math.max(Math.min(count, least), Math.floor(count / share))
    const before = less(workload.warmUp, 20)
    return {
      ...configuration,
      workload: {
        ...workload,
        warmUp: before,
        messages: before + less(workload.messages - workload.warmUp, 100),
        tableRows: less(workload.tableRows, 1000),
      },
      ...(sampleEvery ? { sampleEvery: less(sampleEvery) } : {}),
      guessSeconds: 4,
    }
  })
  return { ...bench, configurations }
}
