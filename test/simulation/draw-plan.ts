import { Random } from '#demo/random.ts'
import { countsOnce } from '#core/pipeline.ts'
import { points } from '../simulated/servers/host.ts'
import type { Plan, PlannedEvent } from './plan.ts'
import { refusals } from '../simulated/servers/redis-endpoint.ts'
import type { Disorder } from '../simulated/servers/postgres-errors.ts'
import { refused } from '../simulated/servers/postgres-errors.ts'
import { drawIncrements } from './draw-increments.ts'
import type { PlannedMessage, PlannedRecord } from './workload.ts'
import { workloads } from './workloads.ts'
import type { Weather } from '../simulated/servers/wire.ts'

/** Where doubles no longer tell numbers apart, and where digits are added. */
const scale: Record<Plan['workload'], readonly string[]> = {
  words: ['1', '2', '3', '9', '10', '11', '9007199254740992', '9007199254740993', '9223372036854775807'],
  scans: ['0', '1', '2', '9', '10', '11', '1700000000', '1700000001'],
  // A time and a revision, which decides where the times are the same. One is before 1970.
  items: ['1 0', '1 1', '2 0', '1 -1', '2 9', '2 10', '-1 0', '1700000000 0'],
  sums: ['0'],
  appends: ['0'],
}
/** Two that are ordered one way as UTF-8 and the other way as UTF-16, and some that are hard on quoting. */
const contents = ['x', 'y', 'é', '\u{FF5E}', '\u{1F600}', '"\\', 'NULL', '{,}']

const notCounted: ReadonlySet<string> = new Set(['truncate and replay', 'postgres loses parents'])

/** How often each is drawn. */
const turns = [
  'words',
  'words',
  'words',
  'words',
  'scans',
  'items',
  'items',
  'items',
  'sums',
  'sums',
  'appends',
] as const

/**
 * What the seed stands for. Which kinds of fault there are, and how many, is drawn first (a swarm): where everything
 * fails at once nothing gets far enough to fail in an interesting way.
 */
export function drawPlan(seed: number): Plan {
  const random = new Random(seed)
  const workload = random.pick(turns)
  const isCounted = countsOnce(workloads[workload].pipeline.sink)
  const replicas = random.pick([1, 1, 2, 2, 2, 3, 3, 4])
  const lengthMs = random.pick([500, 3000, 10_000, 30_000])
  const published = isCounted ? drawIncrements(random, lengthMs) : messages(random, workload, lengthMs)
  const { mayBeRefused = ({ content }) => content in refused } = workloads[workload]
  // A refused row waits for a neighbour: where it is all that may be held, none comes.
  const isPoisoned = published.some((event) => event.do === 'publish' && event.message.some(mayBeRefused))
  const ignoresFlowControl = random.below(5) === 0
  const ackDeadlineMs = random.pick([10_000, 10_000, 30_000])
  // The least is below any message's size. What finds no room is redelivered after its lease: where that is long, or all
  // is sent at once, one message at a time would take for ever.
  const allowsLargeMessages = ackDeadlineMs === 10_000 && !ignoresFlowControl
  const bytes = allowsLargeMessages ? [150, 1500, 100_000, 100_000] : [4000, 100_000, 100_000]
  return {
    dice: random.below(2 ** 31),
    workload,
    replicas,
    workers: random.pick([1, 1, 2, 3]),
    maxBatchRecords: random.pick([1, 2, 4, 8]),
    maxBatchBytes: random.pick([1, 40, 1000, 1000]),
    flushIntervalMs: random.pick([0, 0, 10, 100, 2000]),
    maxMessages: isPoisoned ? 1000 : random.pick([4, 10, 1000, 1000]),
    maxBytes: isPoisoned ? 100_000 : random.pick(bytes),
    ackDeadlineMs,
    cache: !isCounted && random.below(12) > 0,
    claims: random.below(4) > 0,
    watermarkLifeMs: random.pick([2000, 3_600_000, 3_600_000]),
    ...(isCounted ? { horizonHours: random.pick([[24], [24], [24, 72]]) } : {}),
    weather: { redis: weather(random), postgres: weather(random), broker: weather(random) },
    conflicts: share(random),
    timeouts: share(random),
    strays: share(random),
    duplicates: random.pick([0, 0, 0.1, 0.5]),
    responsesLost: random.pick([0, 0, 0, 0.1]),
    shuffle: random.pick([0, 0, 3, 20]),
    dawdleMs: random.pick([0, 0, 50, 2000]),
    ignoresFlowControl,
    events: [...published, ...faults(random, replicas, workload, lengthMs)].sort((a, b) => a.atMs - b.atMs),
  }
}

function share(random: Random): number {
  return random.pick([0, 0, 0, 0.03, 0.1, 0.3])
}

function weather(random: Random): Weather {
  return { requestLost: share(random), replyLost: share(random), late: share(random), slow: share(random) }
}

function messages(random: Random, workload: Plan['workload'], lengthMs: number): PlannedEvent[] {
  const { keys, invalid, several, pipeline } = workloads[workload]
  const mostKeys = 1 + random.below(keys)
  const versions = scale[workload]
  const mostVersions = 1 + random.below(versions.length)
  const poison = random.pick([0, 0, 0.05, 0.3])
  const invalids = random.pick([0, 0, 0.05, 0.3])
  const [constraint = '', unknown = ''] = Object.keys(refused)
  const oddKey = random.below(3) === 0 ? random.below(mostKeys) : undefined
  const one = (): PlannedRecord => {
    const key = random.below(mostKeys)
    const version = versions[random.below(mostVersions)] ?? '1'
    if (pipeline.sink.deletes && random.below(5) === 0) return { key, version, content: '', gone: true }
    const isPoison = random.next() < poison && (oddKey === undefined || oddKey === key)
    const content = isPoison ? (oddKey === undefined ? constraint : unknown) : random.pick(contents)
    const record = { key, version, content }
    return random.next() < invalids ? { ...record, invalid: random.pick(invalid) } : record
  }
  const mostRecords = several ? random.pick([1, 1, 2, 5]) : 1
  const message = (): PlannedMessage => {
    const records = mostRecords > 1 ? random.below(mostRecords + 1) : 1
    return Array.from({ length: records }, one)
  }
  const published: PlannedEvent[] = []
  const count = 1 + random.below(random.pick([4, 12, 40]))
  while (published.length < count) {
    // Some come in groups, and some are published twice.
    const atMs = random.below(lengthMs)
    const group = 1 + random.below(random.pick([1, 2, 8]))
    for (let i = 0; i < group; i++) {
      const drawn = message()
      published.push({ atMs, do: 'publish', message: drawn })
      if (random.below(6) === 0)
        published.push({ atMs: random.below(lengthMs), do: 'publish', message: drawn })
    }
  }
  return published
}

const windowsMs = [20, 300, 2000, 15_000, 40_000]
const disorders: readonly Disorder[] = ['infrastructure', 'schema-drift', 'conflict', 'too-big', 'no-rights']

/** A fault's kind, and how to draw one. */
function kinds(random: Random, replicas: number, keys: number): ((atMs: number) => PlannedEvent)[] {
  const forMs = () => random.pick(windowsMs)
  const replica = () => random.below(replicas)
  const someKeys = () => Array.from({ length: keys }, (_, key) => key).filter(() => random.below(3) === 0)
  const restartMs = () => random.pick([0, 100, 5000, 20_000])
  return [
    (atMs) => ({ atMs, do: 'crash', replica: replica(), restartMs: restartMs() }),
    (atMs) => ({ atMs, do: 'crash', replica: replica(), restartMs: restartMs(), at: random.pick(points) }),
    (atMs) => ({ atMs, do: 'graceful shutdown', replica: replica(), restartMs: restartMs() }),
    (atMs) => ({ atMs, do: 'forced shutdown', replica: replica(), restartMs: restartMs() }),
    (atMs) => ({ atMs, do: 'postgres away', forMs: forMs() }),
    (atMs) => ({ atMs, do: 'postgres frozen', forMs: forMs() }),
    (atMs) => ({ atMs, do: 'postgres disorder', forMs: forMs(), disorder: random.pick(disorders) }),
    (atMs) => ({ atMs, do: 'postgres rows locked', keys: someKeys(), forMs: forMs() }),
    (atMs) => ({ atMs, do: 'postgres cuts connections' }),
    (atMs) => ({ atMs, do: 'redis away', forMs: forMs() }),
    (atMs) => ({ atMs, do: 'redis frozen', forMs: forMs() }),
    (atMs) => ({ atMs, do: 'redis refuses', forMs: forMs(), refusal: random.pick(refusals) }),
    (atMs) => ({ atMs, do: 'redis flushed' }),
    (atMs) => ({ atMs, do: 'redis fails over', staleMs: random.pick([0, 100, 5000]) }),
    (atMs) => ({ atMs, do: 'redis garbage' }),
    (atMs) => ({ atMs, do: 'redis evicts' }),
    (atMs) => ({ atMs, do: 'broker away', forMs: forMs() }),
    (atMs) => ({ atMs, do: 'broker repeats' }),
    (atMs) => ({ atMs, do: 'broker expires leases' }),
  ]
}

function faults(
  random: Random,
  replicas: number,
  workload: Plan['workload'],
  lengthMs: number,
): PlannedEvent[] {
  const atMs = () => random.below(lengthMs)
  const chance = random.pick([0, 0.1, 0.25, 0.5])
  const events = kinds(random, replicas, workloads[workload].keys).flatMap((draw) =>
    random.next() < chance ? Array.from({ length: 1 + random.below(3) }, () => draw(atMs())) : [],
  )
  // An unknown error dead-letters a row that fails alone three times while others commit: each edge of a window may look
  // so once, so there is one window at most.
  if (random.below(10) === 0) {
    events.push({ atMs: atMs(), do: 'postgres disorder', forMs: random.pick(windowsMs), disorder: 'unknown' })
  }
  // Once: a row that finds them gone before and after another one is written is dead-lettered for it.
  if (random.below(10) === 0)
    events.push({ atMs: atMs(), do: 'postgres loses parents', forMs: random.pick(windowsMs) })
  const losses = ['truncate and replay', 'postgres fails over'] as const
  if (random.below(5) === 0)
    events.push({ atMs: atMs(), do: random.pick(losses), replayMs: random.below(4000) })
  if (!countsOnce(workloads[workload].pipeline.sink)) return events
  // They have no cache, identities outlive a TRUNCATE of what they have counted in, and a sum that grows looks up no parent.
  return events.filter(({ do: what }) => !what.startsWith('redis') && !notCounted.has(what))
}
