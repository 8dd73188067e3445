// Random walks of a backlog beside a model that is slow and plain: an array of messages, looked through each time.
// Times are multiples of the wheel's 20 ms, so deadlines are exact.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { alwaysAsync } from '../../../test/support/seed.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { RandomDeliveryFaults } from '../faults/delivery-faults.ts'
import { Backlog } from './backlog.ts'
import type { Holder } from './entry.ts'
import type { Message } from './message.ts'
import { newMessage } from './message.ts'

const retentionMs = 600
const mostFailures = 3
const holders = 3

/** `restMs`: after the first failure; each further one doubles it. */
type Rules = Readonly<{ ordered: boolean; retainAcked: boolean; restMs: number }>

interface ModelMessage {
  readonly id: string
  readonly bytes: number
  readonly key: string
  readonly publishMs: number
  state: 'available' | 'leased' | 'waiting' | 'acked'
  /** When the lease, or the rest, is over; and when that was said, for two of the same moment. */
  dueMs: number
  saidAs: number
  /** Delivered in its key's turn, which is not over; it may be acked. */
  out: boolean
  failures: number
  holder: number
  ackId: string
}

const isOld = ({ publishMs }: ModelMessage, nowMs: number) => nowMs - publishMs > retentionMs

class Model {
  messages: ModelMessage[] = []
  readonly dead: string[] = []
  readonly #rules: Rules
  #said = 0

  constructor(rules: Rules) {
    this.#rules = rules
  }

  rest(failures: number): number {
    return this.#rules.restMs * 2 ** (failures - 1)
  }

  publish({ id, orderingKey, publishMs, size: bytes }: Message): void {
    const key = this.#rules.ordered ? orderingKey : ''
    const fresh = {
      state: 'available',
      dueMs: 0,
      saidAs: 0,
      out: false,
      failures: 0,
      holder: 0,
      ackId: '',
    } as const
    this.messages.push({ id, bytes, key, publishMs, ...fresh })
  }

  /** Expired messages are dropped at some unobservable time, unless they are leased. */
  matters(one: ModelMessage, nowMs: number): boolean {
    return one.state === 'leased' || !isOld(one, nowMs)
  }

  /** May it be delivered in a response that has these already? */
  isDeliverable(message: ModelMessage, together: readonly string[], nowMs: number): boolean {
    if (message.state !== 'available' || isOld(message, nowMs)) return false
    const before = this.messages
      .slice(0, this.messages.indexOf(message))
      .filter(({ key, state, out }) => key === message.key && (state !== 'acked' || out))
      .filter((one) => one.out || this.matters(one, nowMs))
    return message.key === '' || before.every(({ id, state }) => state === 'leased' && together.includes(id))
  }

  until(message: ModelMessage, state: 'leased' | 'waiting', dueMs: number): void {
    Object.assign(message, { state, dueMs, saidAs: ++this.#said })
  }

  settle(message: ModelMessage): void {
    message.state = 'acked'
    const together = this.messages.filter(({ key, out }) => key === message.key && out)
    const first = together.findIndex(({ state }) => state !== 'acked')
    const done = message.out ? together.slice(0, first < 0 ? undefined : first) : [message]
    for (const one of done) one.out = false
    if (!this.#rules.retainAcked) this.messages = this.messages.filter((one) => !done.includes(one))
  }

  fail(message: ModelMessage, nowMs: number): void {
    message.failures += 1
    message.state = 'available'
    if (message.failures >= mostFailures) {
      this.dead.push(message.id)
      return this.settle(message)
    }
    const restMs = this.rest(message.failures)
    if (restMs > 0) this.until(message, 'waiting', nowMs + restMs)
    const behind = this.messages
      .slice(this.messages.indexOf(message))
      .filter(({ key }) => key === message.key)
    for (const one of behind) if (one.out) Object.assign(one, { state: 'available', out: false })
  }

  advance(toMs: number): void {
    for (;;) {
      const [next] = this.messages
        .filter(({ state, dueMs }) => (state === 'leased' || state === 'waiting') && dueMs <= toMs)
        .sort((a, b) => a.dueMs - b.dueMs || a.saidAs - b.saidAs)
      if (!next) return
      if (next.state === 'leased') this.fail(next, next.dueMs)
      else next.state = 'available'
    }
  }

  seek(toMs: number): void {
    for (const message of this.messages) {
      message.failures = 0
      Object.assign(message, { state: 'available', out: false })
      if (message.publishMs < toMs) this.settle(message)
    }
  }
}

/** Counts what it has, as a stream does. */
class CountingHolder implements Holder {
  readonly has = { messages: 0, bytes: 0 }

  leased({ size }: Message): void {
    this.has.messages += 1
    this.has.bytes += size
  }

  released({ size }: Message): void {
    this.has.messages -= 1
    this.has.bytes -= size
    assert.ok(this.has.messages >= 0 && this.has.bytes >= 0, 'more came back than was out')
  }
}

class Walk {
  readonly #clock = new VirtualClock()
  readonly #now = () => this.#clock.unixMs()
  readonly #model: Model
  readonly #backlog: Backlog
  readonly #dead: string[] = []
  readonly #holders = Array.from({ length: holders }, () => new CountingHolder())
  /** All that were ever given out. */
  readonly #ackIds: { readonly ackId: string; readonly id: string }[] = []
  #published = 0

  constructor(rules: Rules) {
    this.#model = new Model(rules)
    this.#backlog = new Backlog({
      clock: this.#clock,
      number: 1,
      rules: {
        ...rules,
        retentionMs,
        backoffMs: (failures) => this.#model.rest(failures),
        deadLetter: ({ id }, failures) => failures >= mostFailures && this.#dead.push(id) > 0,
      },
      faults: new RandomDeliveryFaults(() => 0),
      history: false,
      onAvailable: () => {},
    })
  }

  async step({ kind, a, b }: Step): Promise<void> {
    if (kind === 'publish') this.#publish(['', 'x', 'y'][a % 3] as string, b)
    else if (kind === 'take') this.#take(a, b)
    else if (kind === 'advance') await this.#clock.advance(a * 20)
    else if (kind === 'seek')
      for (const one of [this.#backlog, this.#model]) one.seek(this.#now() - (a - 4) * 100)
    else if (kind === 'expire') this.#expire(a % holders)
    else if (kind === 'sweep') this.#backlog.sweep()
    else this.#settle(kind, a * 21 + b)
    this.#model.advance(this.#now())
    this.#compare()
  }

  #publish(orderingKey: string, bytes: number): void {
    const id = String(++this.#published)
    const message = newMessage({ data: Buffer.alloc(bytes), orderingKey }, id, this.#now())
    this.#model.publish(message)
    this.#backlog.add(message)
  }

  #take(messages: number, b: number): void {
    const holder = b % holders
    const bytes = b % 2 === 0 ? Infinity : b * 20
    const leaseMs = (1 + b) * 20
    const limits = { share: Infinity, messages, bytes, orOne: b % 4 < 2 }
    const deliveries = this.#backlog.take(limits, leaseMs, this.#holders[holder] as Holder)
    const together: string[] = []
    let sum = 0
    for (const { message, ackId, attempt } of deliveries) {
      const one = this.#model.messages.find(({ id }) => id === message.id)
      assert.ok(one && this.#model.isDeliverable(one, together, this.#now()), `${message.id} was delivered`)
      assert.equal(attempt, one.failures + 1)
      this.#model.until(one, 'leased', this.#now() + leaseMs)
      Object.assign(one, { holder, ackId, out: one.key !== '' })
      together.push(one.id)
      this.#ackIds.push({ ackId, id: one.id })
      sum += message.size
    }
    assert.ok(deliveries.length <= messages)
    assert.ok(sum <= bytes || (limits.orOne && deliveries.length === 1))
    const left = this.#model.messages.filter((one) => this.#model.isDeliverable(one, together, this.#now()))
    const isFull = deliveries.length === messages || left.some((one) => sum + one.bytes > bytes)
    assert.ok(isFull || left.length === 0, 'it might have delivered more')
    const maySend = messages > 0 && limits.orOne && left.length > 0
    assert.ok(!maySend || deliveries.length > 0, 'it might have delivered one')
  }

  #settle(kind: 'ack' | 'nack' | 'extend', at: number): void {
    const given = this.#ackIds[at % Math.max(1, this.#ackIds.length)]
    const entry = given && this.#backlog.find(given.ackId)
    const one = this.#model.messages.find(({ id }) => id === given?.id)
    if (!entry || !one) return
    if (kind === 'ack') {
      this.#backlog.acknowledge(entry)
      this.#model.settle(one)
    } else if (kind === 'nack') {
      this.#backlog.nack(entry)
      this.#model.fail(one, this.#now())
    } else {
      const ms = (1 + (at % 30)) * 20
      this.#backlog.extend(entry, ms)
      this.#model.until(one, 'leased', this.#now() + ms)
    }
  }

  #expire(holder: number): void {
    const own = this.#model.messages.filter((one) => one.state === 'leased' && one.holder === holder)
    this.#backlog.expire((entry) => entry.holder === this.#holders[holder])
    for (const one of own) if (one.state === 'leased') this.#model.fail(one, this.#now())
  }

  #compare(): void {
    const now = this.#now()
    const expected = this.#model.messages
      .filter((one) => this.#model.matters(one, now))
      .map(({ id, state, failures }) => `${id} ${state} ${failures}`)
    const actual = [...this.#backlog.entries()]
      .filter(({ state, message }) => state === 'leased' || now - message.publishMs <= retentionMs)
      .map(({ message, state, failures }) => `${message.id} ${state} ${failures}`)
    assert.deepEqual(actual, expected)
    assert.deepEqual(this.#dead, this.#model.dead)
    for (const [holder, { has }] of this.#holders.entries()) {
      const own = this.#model.messages.filter((one) => one.state === 'leased' && one.holder === holder)
      const bytes = own.reduce((sum, one) => sum + one.bytes, 0)
      assert.deepEqual(has, { messages: own.length, bytes })
    }
    for (const { ackId, id } of this.#ackIds) {
      const good = this.#model.messages.some((one) => one.state === 'leased' && one.ackId === ackId)
      assert.equal(this.#backlog.find(ackId)?.message.id, good ? id : undefined, `ack id ${ackId}`)
    }
  }

  /** A subscriber that keeps taking and acking empties it. */
  async finish(): Promise<void> {
    const isOwing = (one: ModelMessage) => one.state !== 'acked' && this.#model.matters(one, this.#now())
    for (let round = 0; this.#model.messages.some(isOwing); round += 1) {
      assert.ok(round < 200, 'something is never delivered')
      await this.step({ kind: 'take', a: 1000, b: 20 })
      for (let at = 0; at < this.#ackIds.length; at += 1) this.#settle('ack', at)
      await this.step({ kind: 'advance', a: 5, b: 0 })
    }
    for (const { has } of this.#holders) assert.deepEqual(has, { messages: 0, bytes: 0 })
  }
}

type Kind = 'publish' | 'take' | 'ack' | 'nack' | 'extend' | 'advance' | 'expire' | 'seek' | 'sweep'
const kinds = 'publish publish take take ack ack nack extend advance expire seek sweep'.split(' ') as Kind[]
const step = fc.record({ kind: fc.constantFrom(...kinds), a: fc.nat({ max: 20 }), b: fc.nat({ max: 20 }) })
type Step = Parameters<Parameters<typeof step.map>[0]>[0]

// The rest of ordered messages has tests of its own: it is that of their key.
const rules = fc
  .record({ ordered: fc.boolean(), retainAcked: fc.boolean(), restMs: fc.constantFrom(0, 20, 100) })
  .map((given) => ({ ...given, restMs: given.ordered ? 0 : given.restMs }))

test('a backlog matches its model, whatever is done in whatever order', async () => {
  await alwaysAsync(
    fc.asyncProperty(rules, fc.array(step, { maxLength: 80, size: 'max' }), async (given, steps) => {
      const walk = new Walk(given)
      for (const one of steps) await walk.step(one)
      await walk.finish()
    }),
    600,
  )
})
