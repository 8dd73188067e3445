import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterAll, describe, test } from 'vitest'
import type { CallOptions, ServiceError } from '@grpc/grpc-js'
import { Client, compressionAlgorithms, credentials, Metadata } from '@grpc/grpc-js'
import { statusCodes } from '../broker/status.ts'
import { startEmulator } from '../emulator.ts'
import { rpcs } from './schema.ts'

const emulator = await startEmulator({ port: 0 })
afterAll(() => emulator.close())

/** gRPC and nothing of Google's: bytes out, bytes in. */
class BareClient extends Client implements Disposable {
  constructor(options: object = {}) {
    super(emulator.emulatorHost, credentials.createInsecure(), options)
  }

  async unary(path: string, request: Uint8Array, options: CallOptions = {}): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const same = (bytes: Buffer) => bytes
    this.makeUnaryRequest(path, same, same, Buffer.from(request), new Metadata(), options, (error, answer) =>
      error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
    )
    return promise
  }

  /** By the RPC's name, with objects. */
  async call(name: string, request: object): Promise<Record<string, unknown>> {
    const rpc = rpcs.find((one) => one.name === name)
    assert.ok(rpc)
    const answer = await this.unary(rpc.path, rpc.request.encode(rpc.request.fromObject(request)).finish())
    return rpc.response.toObject(rpc.response.decode(answer), { enums: String, longs: Number })
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const statusOf = async (call: Promise<unknown>): Promise<ServiceError> =>
  call.then(
    () => assert.fail('it did not fail'),
    (error: ServiceError) => error,
  )

/** The rest is snapshots and schemas, of which there are none. */
const isServed = ({ path, name }: { readonly path: string; readonly name: string }) =>
  !/Snapshot|SchemaService/.test(path) ||
  /^(List|Get|Delete)(Topic)?(Snapshot|Schema)s?$|^ListSchemaRevisions$/.test(name)

describe('a gRPC client without the library', { concurrent: true }, () => {
  test('creates, publishes, pulls and acknowledges', async () => {
    using client = new BareClient()
    const project = `projects/p-${randomUUID()}`
    const [topic, subscription] = [`${project}/topics/topic`, `${project}/subscriptions/subscription`]
    assert.deepEqual(await client.call('CreateTopic', { name: topic }), { name: topic })
    const created = await client.call('CreateSubscription', { name: subscription, topic })
    assert.equal(created['state'], 'ACTIVE')
    await client.call('Publish', { topic, messages: [{ data: Buffer.from('hello') }] })
    const { receivedMessages } = (await client.call('Pull', { subscription, maxMessages: 5 })) as {
      receivedMessages: { ackId: string; message: { data: Buffer } }[]
    }
    assert.deepEqual(
      receivedMessages.map(({ message }) => message.data.toString()),
      ['hello'],
    )
    await client.call('Acknowledge', { subscription, ackIds: receivedMessages.map(({ ackId }) => ackId) })
    assert.deepEqual(emulator.inspect(subscription).messages, [])
  })

  test('is told by name what is not supported', async () => {
    using client = new BareClient()
    const others = rpcs.filter((rpc) => !isServed(rpc))
    for (const name of ['CreateSnapshot', 'UpdateSnapshot', 'CreateSchema', 'ValidateMessage']) {
      assert.ok(others.some((rpc) => rpc.name === name))
    }
    for (const { name, path } of others) {
      const { code, details } = await statusOf(client.unary(path, Buffer.alloc(0)))
      assert.deepEqual(
        [code, details],
        [statusCodes.UNIMPLEMENTED, `${name} is not served by this emulator.`],
      )
    }
  })

  test('is told about unknown services and methods', async () => {
    using client = new BareClient()
    const paths = [
      '/google.pubsub.v1.Publisher/Nonsense',
      '/google.iam.v1.IAMPolicy/TestIamPermissions',
      // What grpcurl asks for first.
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    ]
    for (const path of paths) {
      const { code, details } = await statusOf(client.unary(path, Buffer.alloc(0)))
      assert.equal(code, statusCodes.UNIMPLEMENTED)
      assert.ok(details.includes(path), details)
    }
  })

  test('that sends an undecodable message gets an error, and others are still served', async () => {
    using client = new BareClient()
    const garbage = Buffer.from(Array.from({ length: 100 }, (_, i) => (i * 151 + 7) & 0xff))
    const unary = rpcs.filter((rpc) => isServed(rpc) && !rpc.streaming)
    for (const { path } of unary) {
      const { code } = await statusOf(client.unary(path, garbage))
      assert.ok(
        ([statusCodes.INTERNAL, statusCodes.INVALID_ARGUMENT] as number[]).includes(code),
        `${path} ${code}`,
      )
    }
    assert.deepEqual(await client.call('ListTopics', { project: 'projects/none' }), { nextPageToken: '' })
  })

  test('that sends an empty message is told what is missing', async () => {
    using client = new BareClient()
    for (const { name, path } of rpcs.filter((rpc) => isServed(rpc) && !rpc.streaming)) {
      const { code, details } = await statusOf(client.unary(path, Buffer.alloc(0)))
      assert.equal(code, statusCodes.INVALID_ARGUMENT, `${name}: ${details}`)
      assert.match(details, /name/)
    }
  })

  test('that compresses is understood', async () => {
    using client = new BareClient({ 'grpc.default_compression_algorithm': compressionAlgorithms.gzip })
    const topic = `projects/p-${randomUUID()}/topics/topic`
    await client.call('CreateTopic', { name: topic })
    const messages = [{ data: Buffer.alloc(5_000_000, 1) }]
    const { messageIds } = await client.call('Publish', { topic, messages })
    assert.equal((messageIds as string[]).length, 1)
  })

  test('is told that a publish is too large by the service, not by the transport', async () => {
    using client = new BareClient()
    const topic = `projects/p-${randomUUID()}/topics/topic`
    await client.call('CreateTopic', { name: topic })
    const messages = [{ data: Buffer.alloc(11_000_000) }]
    const { code, details } = await statusOf(client.call('Publish', { topic, messages }))
    assert.equal(code, statusCodes.INVALID_ARGUMENT, details)
    assert.match(details, /exceeds the limit/)
  })
})
