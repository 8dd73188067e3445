import { randomUUID } from 'node:crypto'
import { WriteFailure, messageOf } from '#core/failure.ts'
import { sleep } from '#runtime/clock.ts'
import type { Entry } from './entry.ts'
import type { FlushPorts, Written } from './flush.ts'
import { flush } from './flush.ts'
import type { IsolationPorts } from './isolate.ts'
import { isolate } from './isolate.ts'

export interface BatchPorts extends FlushPorts, IsolationPorts {
  /** A hard stop. */
  readonly aborted: AbortSignal
}

/** A conflict that comes so often is none: something refuses every time, and people should hear of it. */
const conflictsTolerated = 10
/** A deadlock's victims must not meet again at once: 5 to 50 ms. */
const conflictPauseMs = () => 5 + Math.random() * 45

/**
 * Flushes a batch until every entry is settled, buried or parked, whatever fails and however long that takes.
 * Returns early only at a hard stop.
 *
 * @returns entries that the store refused without a proof that it is their own fault. They wait for one
 */
export async function writeBatch(entries: readonly Entry[], ports: BatchPorts): Promise<readonly Entry[]> {
  const { hold, ledger, clock, aborted } = ports
  const token = randomUUID()
  const parked = new Set<Entry>()
  const noting = { ...ports, park: (entry: Entry) => ports.park(entry) && Boolean(parked.add(entry)) }
  const isLeft = (entry: Entry) => ledger.isOpen(entry.winner.delivery) && !parked.has(entry)
  // What a hard stop has given back, or another part of the search has parked, is no longer ours to write.
  const attempt = async (part: readonly Entry[]) => {
    const left = part.filter(isLeft)
    return left.length > 0 ? flushAndTell(left, token, noting) : nothing
  }
  let rest = entries
  let searching = false
  let conflicts = 0

  while (await hold.admission()) {
    try {
      if (searching) return await isolate(rest, attempt, noting)
      await flushAndTell(rest, token, noting)
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

async function flushAndTell(entries: readonly Entry[], token: string, ports: BatchPorts): Promise<Written> {
  const written = await flush(entries, token, ports)
  if (written.entries.length > 0) ports.hold.succeeded()
  else ports.hold.untried()
  return written
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
