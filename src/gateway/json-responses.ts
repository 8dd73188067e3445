import { once } from 'node:events'
import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'

export const jsonType = 'application/json; charset=utf-8'

/** A body that is longer than that, or of unknown length, is not read for the sake of the connection. */
const skippedBytes = 65_536
/** How much of it, and for how long, is read so that its client reads the answer before the connection ends. */
const lingerBytes = 16 * 2 ** 20
const lingerMs = 1000

type Headers = Readonly<Record<string, string>>

/** A response with an error for people, and a code where a program has to tell it from others. */
export function sendError(
  reply: FastifyReply,
  status: number,
  error: string,
  { code, headers }: { readonly code?: string; readonly headers?: Headers } = {},
): void {
  if (headers) reply.headers(headers)
  const body = JSON.stringify(code === undefined ? { error } : { error, code })
  if (isLongToSkip(reply.request)) void sendAndClose(reply, status, body)
  else reply.code(status).header('content-type', jsonType).send(body)
}

export function sendJson(reply: FastifyReply, status: number, body: unknown): void {
  reply.code(status).header('content-type', jsonType).send(JSON.stringify(body))
}

function isLongToSkip({ raw, headers }: FastifyRequest): boolean {
  if (raw.complete) return false
  // It may still be coming, in pieces without end.
  if (headers['transfer-encoding'] !== undefined) return true
  return Number(headers['content-length'] ?? 0) > skippedBytes
}

/**
 * Answers a request that is still coming. A connection that is closed with something unread is reset, and its client may
 * lose the answer over that: so the answer is sent first, and then there is some time to read it.
 */
async function sendAndClose(reply: FastifyReply, status: number, body: string): Promise<void> {
  reply.hijack()
  const { raw: response, request } = reply
  response.writeHead(status, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'x-request-id': request.id,
    'content-type': jsonType,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  })
  response.write(body)
  let left = lingerBytes
  const { promise: enough, resolve } = Promise.withResolvers<void>()
  request.raw.on('data', ({ length }: Buffer) => {
    left -= length
    if (left < 0) resolve()
  })
  request.raw.on('error', () => resolve())
  request.raw.once('close', resolve)
  const timer = setTimeout(resolve, lingerMs)
  await Promise.race([enough, once(request.raw, 'end').catch(() => {})])
  clearTimeout(timer)
  response.end()
}
