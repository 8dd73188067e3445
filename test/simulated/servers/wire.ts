import type { Random } from '#demo/random.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Story } from './story.ts'

/** Shares of the calls that go wrong, 0 to 1. */
export interface Weather {
  /** Never reaches the server. */
  readonly requestLost: number
  /** It is executed, and its reply is lost. */
  readonly replyLost: number
  /** Is carried out long after its caller has given up. */
  readonly late: number
  /** Takes long, but not too long. */
  readonly slow: number
}

export const calm: Weather = { requestLost: 0, replyLost: 0, late: 0, slow: 0 }

export type Fate = 'well' | 'request lost' | 'reply lost' | 'late'

/** How calls travel between processes and one kind of server. */
export class Wire {
  weather: Weather
  readonly #name: string
  readonly #clock: Clock
  readonly #random: Random
  readonly #story: Story

  constructor(name: string, weather: Weather, clock: Clock, random: Random, story: Story) {
    this.#name = name
    this.weather = weather
    this.#clock = clock
    this.#random = random
    this.#story = story
  }

  get name(): string {
    return this.#name
  }

  /** @param call the name under which its fate is logged */
  fate(call: () => string): Fate {
    const { requestLost, replyLost, late } = this.weather
    const dice = this.#random.next()
    const fate =
      dice < requestLost
        ? 'request lost'
        : dice < requestLost + replyLost
          ? 'reply lost'
          : dice < requestLost + replyLost + late
            ? 'late'
            : 'well'
    if (fate !== 'well') {
      this.#story.count(`${this.#name}: ${fate}`)
      this.#story.tell(this.#name, () => `${fate}: ${call()}`)
    }
    return fate
  }

  /** Of one way. */
  latencyMs(): number {
    const quick = 0.1 + this.#random.next() * 3
    if (this.weather.slow === 0 || this.#random.next() >= this.weather.slow) return quick
    this.#story.count(`${this.#name}: slow`)
    return quick + this.#random.next() * 400
  }

  /** Delay of a late request: from just after the caller's timeout to a minute more. */
  lateMs(timeoutMs: number): number {
    return timeoutMs + this.#random.next() ** 2 * 60_000
  }

  /** Happens at the other end, whatever becomes of this one. */
  after(ms: number, fn: () => void): void {
    this.#clock.after(ms, fn)
  }

  /** True for such a share, 0 to 1, of all that is asked. */
  chance(share: number): boolean {
    return share > 0 && this.#random.next() < share
  }

  below(count: number): number {
    return this.#random.below(count)
  }
}
