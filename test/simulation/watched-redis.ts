import type { Clock } from '#runtime/clock.ts'
import { protocolBreaches } from './protocol-rules.ts'
import type { Referee } from './referee.ts'
import { SimulatedRedis } from '../simulated/servers/redis.ts'
import type { Story } from '../simulated/servers/story.ts'

/** The server, and beside it who knows what no call may do. */
export class WatchedRedis extends SimulatedRedis {
  readonly #story: Story
  readonly #judge: Referee

  constructor(clock: Clock, story: Story, judge: Referee) {
    super(clock, {
      claimed: (_, before) => {
        if (before !== undefined) story.count('claim taken over')
      },
    })
    this.#story = story
    this.#judge = judge
  }

  override run(keys: readonly string[], args: readonly (string | number)[]): string | number {
    const before = this.#contents()
    const answer = super.run(keys, args)
    const [operation = '', token = ''] = args.map(String)
    for (const breach of protocolBreaches(operation, token, before, this.#contents())) {
      this.#story.breach('protocol', breach)
    }
    if (operation === 'confirm') this.#judge.checkWatermarks(this, keys)
    return answer
  }

  #contents(): ReadonlyMap<string, string> {
    return new Map(this.keys.map((key) => [key, this.get(key) ?? '']))
  }
}
