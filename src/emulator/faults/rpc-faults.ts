import type { StatusName } from '../broker/status.ts'
import { StatusError } from '../broker/status.ts'

/** Which calls a fault affects: the next `count`, or this share of all. */
export type Extent = { readonly times: number } | { readonly share: number }

/**
 * - `request dropped`: never executed; the caller waits for ever
 * - `reply dropped`: executed; the caller waits for ever
 * - `refused`: not executed, and answered with a status
 */
export type Fate =
  | { readonly fate: 'request dropped' | 'reply dropped' }
  | { readonly fate: 'refused'; readonly status: StatusError }

type Strike = (Fate | { readonly fate: 'none' }) & { left: number; readonly share: number }

const spared = { fate: 'none' } as const

/** What goes wrong with calls on purpose; nothing, unless a test asks for it. RPCs by name: `Acknowledge`. */
export class RpcFaults {
  readonly #random: () => number
  readonly #strikes = new Map<string, Strike[]>()

  constructor(random: () => number) {
    this.#random = random
  }

  dropRequests(rpc: string, extent: Extent): void {
    this.#add(rpc, { fate: 'request dropped' }, extent)
  }

  dropReplies(rpc: string, extent: Extent): void {
    this.#add(rpc, { fate: 'reply dropped' }, extent)
  }

  refuse(rpc: string, status: StatusName, extent: Extent): void {
    this.#add(rpc, { fate: 'refused', status: new StatusError(status, `refused on purpose: ${rpc}`) }, extent)
  }

  /** From now on all calls are spared. */
  clear(): void {
    this.#strikes.clear()
  }

  /** What becomes of the call that begins now. */
  next(rpc: string): Fate | typeof spared {
    const strikes = this.#strikes.get(rpc)
    if (!strikes) return spared
    for (const strike of strikes) {
      if (strike.left <= 0 || (strike.share < 1 && this.#random() >= strike.share)) continue
      strike.left -= 1
      return strike
    }
    return spared
  }

  #add(rpc: string, fate: Fate, extent: Extent): void {
    const strikes = this.#strikes.get(rpc) ?? []
    const limits =
      'times' in extent ? { left: extent.times, share: 1 } : { left: Infinity, share: extent.share }
    this.#strikes.set(rpc, [...strikes, { ...fate, ...limits }])
  }
}
