import type { Clock } from '#runtime/clock.ts'

interface Value {
  readonly text: string
  readonly endsMs: number
}

/** What a call of the script changed, told of each change. */
export interface RedisObserver {
  claimed(key: string, before: string | undefined): void
  /** A claim ended, by this operation under this token. */
  released(key: string, claim: string, token: string): void
  /** By a confirm, or by something that must not happen. */
  marked(key: string, before: string | undefined, after: string | undefined, operation: string): void
}

/**
 * The server, with one script: what `protocol.lua` does, in JavaScript. That it does the same is seen by running both
 * on the same calls. Keys end by the clock.
 */
export class SimulatedRedis {
  #values = new Map<string, Value>()
  readonly #clock: Clock
  readonly #observer: Partial<RedisObserver>

  constructor(clock: Clock, observer: Partial<RedisObserver> = {}) {
    this.#clock = clock
    this.#observer = observer
  }

  /** One call, in one instant. */
  run(keys: readonly string[], args: readonly (string | number)[]): string | number {
    const [operation, token, leaseMs, lifeMs, joined] = args.map(String)
    const marks = joined?.match(/.{42}/g) ?? []
    const call = { token: token ?? '', leaseMs: Number(leaseMs), lifeMs: Number(lifeMs), marks }
    const watermarks = keys.slice(0, marks.length)
    const claims = keys.slice(marks.length)
    if (operation === 'begin') return this.#begin(watermarks, claims, call)
    if (operation === 'confirm') return this.#confirm(watermarks, claims, call)
    return this.#release(keys, call.token)
  }

  get(key: string): string | undefined {
    const value = this.#values.get(key)
    return value && value.endsMs > this.#clock.now() ? value.text : undefined
  }

  set(key: string, text: string, lifeMs = Infinity): void {
    this.#values.set(key, { text, endsMs: this.#clock.now() + lifeMs })
  }

  delete(key: string): void {
    this.#values.delete(key)
  }

  get keys(): string[] {
    return [...this.#values.keys()].filter((key) => this.get(key) !== undefined)
  }

  flush(): void {
    this.#values.clear()
  }

  /** A copy of all that it holds, as a replica that lags behind has it. */
  copy(): () => void {
    const copied = new Map(this.#values)
    return () => {
      this.#values = new Map(copied)
    }
  }

  #begin(watermarks: readonly string[], claims: readonly string[], { token, leaseMs, marks }: Call): string {
    return marks
      .map((mark, at) => {
        const [watermark, claim] = [watermarks[at] ?? '', claims[at]]
        const stored = this.get(watermark)
        const standing = claim === undefined ? undefined : this.get(claim)
        const strange =
          (stored !== undefined && !isMark(stored)) || (standing !== undefined && !isClaim(standing))
        if (stored !== undefined && isMark(stored)) {
          if (versionOf(stored) > versionOf(mark) || stored === mark) return 's'
        }
        if (claim === undefined) return strange ? 'g' : 'f'
        const isOthers = standing !== undefined && isClaim(standing) && tokenOf(standing) !== token
        if (isOthers && versionOf(standing) >= versionOf(mark)) return 'b'
        this.set(claim, `${versionOf(mark)}|${token}`, leaseMs)
        this.#observer.claimed?.(claim, isOthers ? standing : undefined)
        return strange ? 'g' : 'f'
      })
      .join('')
  }

  #confirm(watermarks: readonly string[], claims: readonly string[], { token, lifeMs, marks }: Call): number {
    for (const [at, mark] of marks.entries()) {
      const key = watermarks[at] ?? ''
      const stored = this.get(key)
      if (stored !== undefined && isMark(stored) && versionOf(stored) > versionOf(mark)) continue
      this.set(key, mark, lifeMs)
      this.#observer.marked?.(key, stored, mark, 'confirm')
    }
    this.#release(claims, token)
    return marks.length
  }

  #release(claims: readonly string[], token: string): number {
    const own = claims.filter((key) => {
      const claim = this.get(key)
      return claim !== undefined && isClaim(claim) && tokenOf(claim) === token
    })
    for (const key of own) {
      this.#observer.released?.(key, this.get(key) ?? '', token)
      this.delete(key)
    }
    return own.length
  }
}

interface Call {
  readonly token: string
  readonly leaseMs: number
  readonly lifeMs: number
  readonly marks: readonly string[]
}

export function isMark(text: string): boolean {
  return /^\d{19}:[\w-]{22}$/.test(text)
}

export function isClaim(text: string): boolean {
  return /^\d{19}\|./s.test(text)
}

export function versionOf(text: string): string {
  return text.slice(0, 19)
}

export function tokenOf(claim: string): string {
  return claim.slice(20)
}
