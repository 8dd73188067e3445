// A delivery that is held keeps its lease, however long, whenever it came and whatever else comes and goes: as long as a
// request that fails is followed by one that gets through.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { PulledDelivery } from '#pubsub/pulled-delivery.ts'
import { noLogger } from '#core/logger.ts'
import { Random } from '#demo/random.ts'
import { Leases } from '#pubsub/leases.ts'
import { RejectedAckIds } from '#pubsub/rejected-ack-ids.ts'
import { sleep } from '#runtime/clock.ts'
import { alwaysAsync } from '../support/seed.ts'
import { VirtualClock, startUnixMs } from '../support/virtual-clock.ts'

const ackDeadlineMs = 10_000
/** A request that fails is tried again until a third of the deadline is over. */
const mostFailuresInARow = 2

const step = fc.oneof(
  fc.record({ receive: fc.integer({ min: 1, max: 3 }) }),
  /** The longest held, or one that came later. */
  fc.record({ settle: fc.nat(5) }),
  fc.record({ advanceMs: fc.constantFrom(1, 500, 3333, 9999, 60_000) }),
)

/** Knows until when each delivery is leased; answers after a while, and now and then with an error. */
class Broker {
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #endsMs = new Map<string, number>()
  #failures = 0

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  deliver(ackId: string): PulledDelivery {
    this.#endsMs.set(ackId, this.#clock.now() + ackDeadlineMs)
    const message = { messageId: ackId, orderingKey: '', attributes: {}, data: Buffer.alloc(0), bytes: 1 }
    const times = { publishTimeMs: startUnixMs, receivedAtMs: this.#clock.now() }
    const id = Buffer.from(ackId)
    const ack = { ackIdBytes: id.length, copyAckId: (to: Buffer, at: number) => void id.copy(to, at) }
    return { ackId, ...ack, ...message, ...times, deliveryAttempt: 1, separate: () => {} }
  }

  isLeased({ ackId }: PulledDelivery): boolean {
    return (this.#endsMs.get(ackId) ?? 0) > this.#clock.now()
  }

  async modifyAckDeadline(request: { ackIds: string[]; ackDeadlineSeconds: number }): Promise<void> {
    await sleep(this.#clock, this.#random.below(500))
    if (this.#failures < mostFailuresInARow && this.#random.below(4) === 0) {
      this.#failures += 1
      throw Object.assign(new Error('simulated'), { code: 14 })
    }
    this.#failures = 0
    for (const ackId of request.ackIds) {
      // What has ended does not begin again.
      if ((this.#endsMs.get(ackId) ?? 0) <= this.#clock.now()) continue
      this.#endsMs.set(ackId, this.#clock.now() + request.ackDeadlineSeconds * 1000)
    }
  }
}

test('an outstanding message keeps its lease', async () => {
  const steps = fc.array(step, { minLength: 5, maxLength: 30 })
  const property = fc.asyncProperty(steps, fc.nat(), async (chosen, dice) => {
    const clock = new VirtualClock()
    const broker = new Broker(clock, new Random(dice))
    let lost = 0
    const leases = new Leases({
      subscriber: broker as never,
      subscription: 's',
      ackDeadlineMs,
      clock,
      logger: noLogger,
      rejected: new RejectedAckIds(clock, noLogger, {}),
      lost: (count) => (lost += count),
    })
    const held: PulledDelivery[] = []
    let received = 0
    for (const one of chosen) {
      if ('receive' in one) {
        for (let i = 0; i < one.receive; i++) {
          const delivery = broker.deliver(String(received++))
          held.push(delivery)
          leases.add([delivery])
        }
      } else if ('settle' in one) leases.end(held.splice(one.settle, 1))
      else await clock.advance(one.advanceMs)
      const ended = held.filter((delivery) => !broker.isLeased(delivery)).map(({ ackId }) => ackId)
      assert.deepEqual({ ended, lost, count: leases.count }, { ended: [], lost: 0, count: held.length })
    }
    leases.close()
  })
  await alwaysAsync(property, 200)
})
