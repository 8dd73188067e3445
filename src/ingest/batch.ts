import { randomUUID } from 'node:crypto'
import { WriteFailure, messageOf } from '#core/failure.ts'
import type { LockWait } from '#core/writer.ts'
import { sleep } from '#runtime/clock.ts'
import { isLocked } from './bisect.ts'
import type { Entry } from './entry.ts'
import type { FlushPorts, Written } from './flush.ts'
import { flush } from './flush.ts'
import type { IsolationPorts } from './isolate.ts'
import { isolate } from './isolate.ts'

export interface BatchPorts extends FlushPorts, IsolationPorts {
  /** Takes in an entry whose row another transaction holds. */
  readonly parkLocked: (entry: Entry) => void
  /** A hard stop. */
  readonly aborted: AbortSignal
}

/** A conflict that comes so often is none: something refuses every time, and people should hear of it. */
const conflictsTolerated = 10
/** A deadlock's victims must not meet again at once: 5 to 50 ms. */
const conflictPauseMs = () => 5 + Math.random() * 45

/** Locked for so long, it may be held by writers like ourselves, one after the other: it waits in their line. */
const starvedMs = 30_000

/**
 * Flushes a batch until every entry is settled, dead-lettered or parked, whatever fails and however long that takes.
 * Returns early only at a hard stop.
 *
 * @param wereLocked their rows were held by other transactions, and may still be
 * @returns entries that the store refused without a proof that it is their own fault. They wait for one
 */
export async function writeBatch(
  entries: readonly Entry[],
  ports: BatchPorts,
  wereLocked = false,
): Promise<readonly Entry[]> {
  const { hold, ledger, clock, aborted } = ports
  const token = randomUUID()
  const parked = new Set<Entry>()
  const noting: BatchPorts = {
    ...ports,
    park: (entry) => ports.park(entry) && Boolean(parked.add(entry)),
    parkLocked: (entry) => {
      parked.add(entry)
      ports.parkLocked(entry)
    },
  }
  const isLeft = (entry: Entry) => ledger.isOpen(entry.winner.delivery) && !parked.has(entry)
  // What a hard stop has given back, or another part of the search has parked, is no longer ours to write.
  const attempt = async (part: readonly Entry[]) => {
    const left = part.filter(isLeft)
    return left.length > 0 ? writeOrPark(left, token, noting) : nothing
  }
  let rest = entries
  let looking = wereLocked
  let wasBlocked = false
  let searching = false
  let conflicts = 0

  while (await hold.admission()) {
    try {
      if (looking) {
        looking = false
        const starved = wasBlocked ? undefined : starvedOf(rest, clock.now())
        if (starved) await writeOrPark([starved], token, noting, 'usual')
        rest = rest.filter(isLeft)
        const isNoneSeen = (await parkLocked(rest, noting)) === 0
        // A row that is being inserted is not seen, but found by halves.
        searching ||= wasBlocked && isNoneSeen
        rest = rest.filter(isLeft)
        hold.inconclusive()
        if (rest.length === 0) return []
      }
      if (searching) return await isolate(rest, attempt, noting)
      await flushAndTell(rest, token, noting, wereLocked ? 'brief' : 'usual')
      return []
    } catch (error) {
      const failure = asWriteFailure(error)
      ports.observer.writeFailed?.(failure.class)
      rest = rest.filter(isLeft)
      switch (failure.class) {
        case 'conflict':
          conflicts += 1
          if (conflicts > conflictsTolerated) {
            hold.failed(failure)
            break
          }
          hold.inconclusive()
          await sleep(clock, conflictPauseMs(), aborted)
          break
        case 'locked':
          looking = true
          wasBlocked = true
          hold.inconclusive()
          break
        case 'too-big':
          if (rest.length > 1) {
            hold.inconclusive()
            return await writeHalves(rest, ports)
          }
          hold.failed(failure)
          break
        case 'bad-row':
          searching = true
          if (rest.length > 1) hold.inconclusive()
          else hold.refused(failure)
          break
        case 'unknown':
          searching = true
          if (rest.length > 1) hold.failed(failure)
          else hold.refused(failure)
          break
        case 'infrastructure':
        case 'schema-drift':
        case 'no-rights':
          searching = false
          hold.failed(failure)
      }
    }
  }
  return []
}

const nothing: Written = { entries: [], placed: 0 }

async function flushAndTell(
  entries: readonly Entry[],
  token: string,
  ports: BatchPorts,
  wait: LockWait,
): Promise<Written> {
  const written = await flush(entries, token, ports, wait)
  if (written.entries.length > 0) ports.hold.succeeded()
  else ports.hold.untried()
  return written
}

/** An entry that is alone in its statement and locked is parked. In a search nobody is waited for. */
async function writeOrPark(
  entries: readonly Entry[],
  token: string,
  ports: BatchPorts,
  wait: LockWait = 'brief',
): Promise<Written> {
  try {
    return await flushAndTell(entries, token, ports, wait)
  } catch (error) {
    const [entry, ...others] = entries
    if (!entry || others.length > 0 || !isLocked(error)) throw error
    ports.parkLocked(entry)
    ports.hold.inconclusive()
    return nothing
  }
}

/** One of those that have waited too long, if any. */
function starvedOf(entries: readonly Entry[], nowMs: number): Entry | undefined {
  const starved = entries.filter(({ lockedSinceMs = nowMs }) => nowMs - lockedSinceMs >= starvedMs)
  return starved[Math.floor(Math.random() * starved.length)]
}

/** Parks the entries whose rows are seen to be locked; returns how many. */
async function parkLocked(entries: readonly Entry[], ports: BatchPorts): Promise<number> {
  if (entries.length === 0) return 0
  const records = new Set(await ports.writer.locked(entries.map(({ winner }) => winner.record)))
  const locked = entries.filter(({ winner }) => records.has(winner.record))
  for (const entry of locked) ports.parkLocked(entry)
  return locked.length
}

async function writeHalves(entries: readonly Entry[], ports: BatchPorts): Promise<readonly Entry[]> {
  const half = Math.ceil(entries.length / 2)
  const first = await writeBatch(entries.slice(0, half), ports)
  return [...first, ...(await writeBatch(entries.slice(half), ports))]
}

function asWriteFailure(error: unknown): WriteFailure {
  if (error instanceof WriteFailure) return error
  return new WriteFailure('unknown', messageOf(error), undefined, { cause: error })
}
