import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import type { Door } from '#core/door.ts'
import { routeOf } from '#core/door.ts'
import { messageOf } from '#core/error-message.ts'
import type { PublishOutcome, Publishing } from '#core/publishing.ts'
import { isRejection } from '#core/rejection.ts'
import type { Clock } from '#runtime/clock.ts'
import { receivedOf } from './request-checks.ts'
import type { Connections } from './connections.ts'
import { withRequestIdentity } from './request-identity.ts'
import { jsonType, sendError } from './json-responses.ts'

export interface DoorRouteOptions {
  readonly door: Door
  /** Full name. */
  readonly topic: string
  readonly publishing: Publishing
  readonly connections: Connections
  readonly clock: Clock
}

const noBody = Buffer.alloc(0)

/** Reads a complete request, publishes its messages, and answers when it is known what became of them. */
export function doorRoute(options: DoorRouteOptions): RouteHandlerMethod {
  const { door, topic, publishing, connections, clock } = options
  const route = routeOf(door)
  const sendAccepted = accepting(door)
  const serve = async (request: FastifyRequest, reply: FastifyReply) => {
    const read = door.read({
      params: request.params as Readonly<Record<string, string>>,
      query: request.query as URLSearchParams,
      body: (request.body as Buffer | undefined) ?? noBody,
    })
    if (isRejection(read)) return sendError(reply, 400, read.detail)
    if (read.length === 0) return sendAccepted(reply)
    const key = request.headers['idempotency-key'] as string | undefined
    const messages = withRequestIdentity(read, { principal: request.principal, route, key }, clock.unixMs())
    const outcome = await published(publishing.publish(topic, messages))
    if (outcome.outcome === 'confirmed') return sendAccepted(reply)
    receivedOf(request).why = `${outcome.outcome}: ${outcome.why}`
    sendNotConfirmed(reply, outcome.outcome)
  }
  return (request, reply) => {
    connections.received(request.raw.socket)
    serve(request, reply).catch((error: unknown) => reply.send(error))
  }
}

/** Of a call that fails, against its contract, nothing is known. */
async function published(publishing: Promise<PublishOutcome>): Promise<PublishOutcome> {
  try {
    return await publishing
  } catch (error) {
    return { outcome: 'unknown', why: messageOf(error) }
  }
}

/** The cause is told in the log: it names servers of ours. */
function sendNotConfirmed(reply: FastifyReply, outcome: 'not-sent' | 'unknown'): void {
  if (outcome === 'not-sent') {
    const error = 'not accepted: the message broker is unavailable or overloaded; retry later'
    return sendError(reply, 503, error, { code: 'not-sent', headers: { 'retry-after': '1' } })
  }
  const error =
    'may have been accepted: the message broker did not answer; retry with the same Idempotency-Key'
  sendError(reply, 503, error, { code: 'outcome-unknown' })
}

function accepting({ accepted }: Door): (reply: FastifyReply) => void {
  const { status, headers = {} } = accepted
  if (accepted.body === undefined) return (reply) => void reply.code(status).headers(headers).send()
  const body = JSON.stringify(accepted.body)
  const all = { 'content-type': jsonType, ...headers }
  return (reply) => void reply.code(status).headers(all).send(body)
}
