import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { RandomDeliveryFaults } from '../faults/delivery-faults.ts'
import type { Delivery } from './backlog.ts'
import { Backlog } from './backlog.ts'
import type { Consumer } from './dispatcher.ts'
import { Dispatcher } from './dispatcher.ts'
import type { Message } from './message.ts'
import { newMessage } from './message.ts'
import { StatusError } from './status.ts'

const rules = {
  ordered: false,
  retainAcked: false,
  retentionMs: 1e6,
  backoffMs: () => 0,
  deadLetter: () => false,
}

const mebibyte = 1024 * 1024

type Bounds = Consumer['room']

/** Keeps to its bounds as a stream does, and notes each delivery. */
class FakeConsumer implements Consumer {
  readonly deliveries: Delivery[][] = []
  readonly ends: StatusError[] = []
  readonly leaseMs: number
  bounds: Bounds
  onDelivery = () => {}
  #messages = 0
  #bytes = 0

  constructor(bounds: Partial<Bounds> = {}, leaseMs = 10_000) {
    this.bounds = { messages: Infinity, bytes: Infinity, ...bounds }
    this.leaseMs = leaseMs
  }

  get room() {
    return { messages: this.bounds.messages - this.#messages, bytes: this.bounds.bytes - this.#bytes }
  }

  get isEmpty() {
    return this.#messages === 0
  }

  deliver(deliveries: readonly Delivery[]) {
    this.deliveries.push([...deliveries])
    this.onDelivery()
  }

  leased({ size }: Message) {
    this.#messages += 1
    this.#bytes += size
  }

  released({ size }: Message) {
    this.#messages -= 1
    this.#bytes -= size
  }

  end(status: StatusError) {
    this.ends.push(status)
  }

  /** How many messages came in each delivery. */
  get sizes() {
    return this.deliveries.map((delivery) => delivery.length)
  }

  get ids() {
    return this.deliveries.flat().map(({ message }) => message.id)
  }
}

function newDispatcher(...consumers: readonly FakeConsumer[]) {
  const clock = new VirtualClock()
  const faults = new RandomDeliveryFaults(() => 0)
  const onAvailable = () => dispatcher.wake()
  const backlog = new Backlog({ clock, number: 1, rules, faults, history: false, onAvailable })
  const dispatcher = new Dispatcher(backlog)
  for (const consumer of consumers) dispatcher.add(consumer)
  let published = 0
  /** This many, each with this much data, at once. */
  const publish = async (count: number, bytes = 1) => {
    for (let i = 0; i < count; i += 1) {
      backlog.add(newMessage({ data: Buffer.alloc(bytes) }, String(++published), clock.unixMs()))
    }
    await clock.settle()
  }
  const ack = async (consumer: FakeConsumer, count: number) => {
    for (const { ackId } of consumer.deliveries.flat().splice(0, count)) {
      const entry = backlog.find(ackId)
      if (entry) backlog.acknowledge(entry)
    }
    dispatcher.wake()
    await clock.settle()
  }
  return { clock, backlog, dispatcher, publish, ack }
}

const newConsumers = (...all: readonly Partial<Bounds>[]) => all.map((bounds) => new FakeConsumer(bounds))

describe('distribution', () => {
  test('messages published together are delivered together', async () => {
    const consumer = new FakeConsumer()
    const { publish } = newDispatcher(consumer)
    await publish(3)
    await publish(1)
    assert.deepEqual(consumer.sizes, [3, 1])
  })

  test('each consumer gets as much as the others', async () => {
    const consumers = newConsumers({}, {}, {})
    await newDispatcher(...consumers).publish(10)
    assert.deepEqual(
      consumers.map(({ sizes }) => sizes),
      [[4], [4], [2]],
    )
  })

  test('single messages go to consumers in turn', async () => {
    const consumers = newConsumers({}, {}, {})
    const { publish } = newDispatcher(...consumers)
    for (let i = 0; i < 7; i += 1) await publish(1)
    assert.deepEqual(
      consumers.map(({ ids }) => ids),
      [
        ['1', '4', '7'],
        ['2', '5'],
        ['3', '6'],
      ],
    )
  })

  test('in turn, also if one of them has no room', async () => {
    const consumers = newConsumers({ messages: 0 }, {}, {})
    const { publish } = newDispatcher(...consumers)
    for (let i = 0; i < 30; i += 1) await publish(1)
    assert.deepEqual(
      consumers.map(({ ids }) => ids.length),
      [0, 15, 15],
    )
  })

  test('a consumer without room takes no share; one with little room takes that, and the others the rest', async () => {
    const consumers = newConsumers({ messages: 0 }, { messages: 2 }, {})
    await newDispatcher(...consumers).publish(10)
    assert.deepEqual(
      consumers.map(({ ids }) => ids.length),
      [0, 2, 8],
    )
  })

  test('messages too old to be delivered count in no share', async () => {
    const [full, free] = [new FakeConsumer({}, 1e9), new FakeConsumer()]
    const { clock, dispatcher, publish } = newDispatcher(full)
    await publish(1)
    full.bounds = { messages: Infinity, bytes: 0 }
    dispatcher.paused = true
    dispatcher.add(free)
    await publish(4)
    await clock.advance(1e6 + 1)
    await publish(1)
    dispatcher.paused = false
    await clock.settle()
    assert.deepEqual(free.ids, ['6'])
  })

  test('a new consumer gets what has waited for it', async () => {
    const { dispatcher, publish, clock } = newDispatcher()
    await publish(3)
    const consumer = new FakeConsumer()
    dispatcher.add(consumer)
    await clock.settle()
    assert.deepEqual(consumer.sizes, [3])
  })

  test('leases last as long as the consumer requests', async () => {
    const consumers = [new FakeConsumer({ messages: 1 }, 1000), new FakeConsumer({ messages: 1 }, 5000)]
    const { backlog, clock, publish } = newDispatcher(...consumers)
    await publish(2)
    for (const consumer of consumers) consumer.bounds = { messages: 0, bytes: 0 }
    await clock.advance(1000)
    assert.equal(backlog.available, 1)
    await clock.advance(4000)
    assert.equal(backlog.available, 2)
  })
})

describe('flow control', () => {
  test('by messages: no more are outstanding than the consumer allows', async () => {
    const consumer = new FakeConsumer({ messages: 3 })
    const { publish, ack } = newDispatcher(consumer)
    await publish(10)
    assert.deepEqual(consumer.sizes, [3])
    await ack(consumer, 2)
    assert.deepEqual(consumer.sizes, [3, 2])
  })

  test('by bytes: what does not fit waits', async () => {
    const { size } = newMessage({ data: Buffer.alloc(100) }, '1', new VirtualClock().unixMs())
    const consumer = new FakeConsumer({ bytes: 2 * size })
    const { publish, ack } = newDispatcher(consumer)
    await publish(5, 100)
    assert.deepEqual(consumer.sizes, [2])
    await ack(consumer, 1)
    assert.deepEqual(consumer.sizes, [2, 1])
  })

  test('a message larger than the limit is delivered alone, when nothing is outstanding', async () => {
    const consumer = new FakeConsumer({ bytes: 100 })
    const { publish, ack } = newDispatcher(consumer)
    await publish(1, 10)
    await publish(1, 500)
    await publish(1, 10)
    assert.deepEqual(consumer.sizes, [1], 'it does not come on top of another')
    await ack(consumer, 1)
    assert.deepEqual(consumer.sizes, [1, 1], 'nor another on top of it')
    await ack(consumer, 2)
    assert.deepEqual(consumer.ids, ['1', '2', '3'])
  })

  test('also if the limit, and the room that is left, exceed 1 MiB', async () => {
    const consumer = new FakeConsumer({ bytes: 3 * mebibyte })
    const { publish, ack } = newDispatcher(consumer)
    await publish(1, mebibyte)
    await publish(1, 4 * mebibyte)
    assert.deepEqual(consumer.sizes, [1])
    await ack(consumer, 1)
    assert.deepEqual(consumer.sizes, [1, 1])
  })

  test('a message larger than 1 MiB is delivered if there is room for it, whatever else is outstanding', async () => {
    const consumer = new FakeConsumer({ bytes: 10 * mebibyte })
    const { publish } = newDispatcher(consumer)
    await publish(1)
    await publish(1, 4 * mebibyte)
    assert.deepEqual(consumer.sizes, [1, 1])
  })

  test('at most 1000 messages, or 1 MiB, are delivered at once', async () => {
    const many = new FakeConsumer()
    await newDispatcher(many).publish(2500)
    assert.deepEqual(many.sizes, [1000, 1000, 500])
    const large = new FakeConsumer()
    await newDispatcher(large).publish(3, 400 * 1024)
    assert.deepEqual(large.sizes, [2, 1])
  })
})

describe('joining and leaving', () => {
  test('while paused nothing is delivered, and then everything', async () => {
    const consumer = new FakeConsumer()
    const { dispatcher, publish, clock } = newDispatcher(consumer)
    dispatcher.paused = true
    await publish(2)
    dispatcher.wake()
    await clock.settle()
    assert.deepEqual(consumer.sizes, [])
    dispatcher.paused = false
    await clock.settle()
    assert.deepEqual(consumer.sizes, [2])
  })

  test('a consumer that has left gets nothing more, not even what was on its way', async () => {
    const [left, stays] = [new FakeConsumer(), new FakeConsumer()]
    const { dispatcher, publish } = newDispatcher(left, stays)
    const publishing = publish(4)
    dispatcher.remove(left)
    await publishing
    assert.deepEqual([left.sizes, stays.sizes], [[], [4]])
  })

  test('a consumer that leaves during its first delivery gets no other', async () => {
    const once = new FakeConsumer({ messages: 2 })
    const { dispatcher, publish, backlog } = newDispatcher(once)
    once.onDelivery = () => dispatcher.remove(once)
    await publish(1)
    await publish(3)
    assert.deepEqual(once.sizes, [1])
    assert.equal(backlog.available, 3)
  })

  test('the end is reported to each consumer once, and nothing is delivered any more', async () => {
    const consumers = newConsumers({}, {})
    const { dispatcher, publish, backlog } = newDispatcher(...consumers)
    const status = new StatusError('UNAVAILABLE', 'over')
    dispatcher.end(status)
    dispatcher.end(new StatusError('INTERNAL', 'again'))
    await publish(2)
    for (const { ends, sizes } of consumers) assert.deepEqual({ ends, sizes }, { ends: [status], sizes: [] })
    assert.equal(backlog.available, 2)
  })
})
