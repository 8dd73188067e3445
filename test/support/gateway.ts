import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { Door, DoorMessage } from '#core/door.ts'
import type { AnsweredRequest } from '#core/gateway-observer.ts'
import type { Logger } from '#core/logger.ts'
import type { PublishOutcome, Publishing } from '#core/publishing.ts'
import { Rejection } from '#core/rejection.ts'
import type { HttpGateway, HttpGatewayOptions } from '#gateway/http-gateway.ts'
import { startHttpGateway } from '#gateway/http-gateway.ts'
import { within } from './within.ts'

/** Takes any JSON but `"bad"`, as one message. */
export const wordDoor: Door = {
  method: 'POST',
  path: '/words',
  topicId: 'words',
  subscriptionId: 'words-sub',
  contentType: 'application/json',
  maxBodyBytes: 1000,
  operation: {
    summary: 'Publish a word',
    requestBody: { required: true, content: { 'application/json': { schema: { type: 'string' } } } },
  },
  read({ body }) {
    const text = body.toString()
    if (text === '' || text === '"bad"') return new Rejection('bad-word', "missing or invalid 'word'")
    return [{ data: body, attributes: { from: 'test' } }]
  },
  accepted: { status: 200 },
}

/** Takes a parameter and no body; a message a letter of `?data=`. */
export const letterDoor: Door = {
  method: 'PUT',
  path: '/letters/:id',
  topicId: 'letters',
  subscriptionId: 'letters-sub',
  contentType: undefined,
  maxBodyBytes: 0,
  operation: {
    parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
    responses: { 202: { description: 'Taken' } },
  },
  read: ({ params, query }) =>
    Array.from(query.get('data') ?? '').map((letter) => ({ data: Buffer.from(`${params['id']}${letter}`) })),
  accepted: { status: 202, body: { taken: true }, headers: { 'x-taken': 'yes' } },
}

interface Published {
  readonly topic: string
  readonly messages: readonly DoorMessage[]
}

/** Confirms everything at once, until told otherwise. */
export class FakePublishing implements Publishing {
  readonly queued = 0
  readonly published: Published[] = []
  answer: () => Promise<PublishOutcome> | PublishOutcome = () => ({ outcome: 'confirmed' })
  #heard: (() => void) | undefined

  async publish(topic: string, messages: readonly DoorMessage[]): Promise<PublishOutcome> {
    this.published.push({ topic, messages })
    this.#heard?.()
    return this.answer()
  }

  /** From now on no call is answered until what is returned is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.answer = async () => {
      await promise
      return { outcome: 'confirmed' }
    }
    return resolve
  }

  async untilPublished(count: number): Promise<void> {
    while (this.published.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#heard = resolve
      await within(`${count} publish calls`, promise)
    }
  }
}

type LogLine = readonly [level: string, message: string, fields: Readonly<Record<string, unknown>>]

export interface TestGateway extends AsyncDisposable {
  readonly gateway: HttpGateway
  readonly url: string
  readonly publishing: FakePublishing
  readonly lines: LogLine[]
  readonly answered: AnsweredRequest[]
  /** With a JSON body, unless said otherwise. */
  post(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
}

/** A gateway with two doors on a free port. */
export async function startTestGateway(changes: Partial<HttpGatewayOptions> = {}): Promise<TestGateway> {
  const publishing = new FakePublishing()
  const lines: LogLine[] = []
  const answered: AnsweredRequest[] = []
  const note = (level: string) => (fields: LogLine[2], message: string) =>
    void lines.push([level, message, fields])
  const logger: Logger = {
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
  }
  const gateway = await startHttpGateway({
    host: '127.0.0.1',
    port: 0,
    version: '1.2.3',
    doors: [wordDoor, letterDoor],
    topicName: (id) => `projects/test/topics/${id}`,
    publishing,
    isReady: () => true,
    logger,
    ...changes,
    observer: {
      ...changes.observer,
      answered: (one) => {
        answered.push(one)
        changes.observer?.answered?.(one)
      },
    },
  })
  const { url } = gateway
  return {
    gateway,
    url,
    publishing,
    lines,
    answered,
    post: (body, headers) =>
      fetch(`${url}/words`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  }
}

/** A client that writes bytes and keeps what it gets. */
export class RawClient implements Disposable {
  readonly socket: Socket
  received = ''
  #heard: (() => void) | undefined

  constructor(url: string, localAddress?: string) {
    const { hostname, port } = new URL(url)
    this.socket = connect({ host: hostname, port: Number(port), ...(localAddress && { localAddress }) })
    this.socket.setEncoding('latin1')
    this.socket.on('data', (text: string) => {
      this.received += text
      this.#heard?.()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => this.#heard?.())
  }

  async connected(): Promise<this> {
    if (this.socket.connecting) await once(this.socket, 'connect')
    return this
  }

  write(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** A request with these headers and this body. */
  send(head: string, body = '', headers: readonly string[] = []): this {
    const length = body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${body.length}`]
    return this.write([`${head} HTTP/1.1`, 'Host: test', ...length, ...headers, '', body].join('\r\n'))
  }

  /** What was received, as soon as it matches. */
  async until(pattern: RegExp, ms = 20_000): Promise<string> {
    const end = performance.now() + ms
    while (!pattern.test(this.received)) {
      assert.ok(!this.socket.destroyed, `closed after: ${this.received}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#heard = resolve
      await within(`${pattern} in: ${this.received}`, promise, end - performance.now())
    }
    return this.received
  }

  /** Everything, when the server has closed the connection. */
  async closed(ms = 20_000): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.socket.closed) resolve()
    else this.socket.once('close', () => resolve())
    await within('the end of a connection', promise, ms)
    return this.received
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}
