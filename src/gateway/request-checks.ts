import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import type { Door } from '#core/door.ts'
import { limitedClient } from './client-address.ts'
import type { RateLimiter, RateVerdict } from './rate-limiter.ts'
import type { ReceivedRequest } from './received-request.ts'
import { isIdempotencyKey } from './request-identity.ts'
import { sendError } from './json-responses.ts'
import type { Tokens } from './tokens.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** SHA-256 of its token; empty where there are no tokens. */
    principal: string
  }
}

export const receivedOf = (request: FastifyRequest) => request.raw as ReceivedRequest

/**
 * Counts the request for its client. `RateLimit-Limit`, `-Remaining`, `-Reset` and `-Policy` as in
 * draft-ietf-httpapi-ratelimit-headers-06, the last draft with a header for each; times in seconds, rounded up.
 */
export function rateCheck(limiter: RateLimiter): onRequestHookHandler {
  const { requests, perMs } = limiter.limit
  const limit = String(requests)
  const policy = `${requests};w=${Math.ceil(perMs / 1000)}`
  const judge = (reply: FastifyReply, verdict: RateVerdict, done: () => void) => {
    const seconds = String(Math.ceil(verdict.resetMs / 1000))
    reply.headers({
      'ratelimit-limit': limit,
      'ratelimit-remaining': String(verdict.remaining),
      'ratelimit-reset': seconds,
      'ratelimit-policy': policy,
    })
    if (verdict.isAllowed) done()
    else sendError(reply, 429, 'too many requests', { headers: { 'retry-after': seconds } })
  }
  return (request, reply, done) => {
    if (request.routeOptions.config.isProbe === true) return done()
    const verdict = limiter.count(limitedClient(receivedOf(request).client))
    if (!(verdict instanceof Promise)) judge(reply, verdict, done)
    else verdict.then((one) => judge(reply, one, done)).catch(done)
  }
}

/** Whether the request bears a token; https://www.rfc-editor.org/rfc/rfc6750 */
export function tokenCheck(tokens: Tokens): onRequestHookHandler {
  return (request, reply, done) => {
    const { authorization } = request.headers
    const principal = tokens.principalOf(authorization)
    if (principal === undefined) {
      const challenge = authorization === undefined ? 'Bearer' : 'Bearer error="invalid_token"'
      sendError(reply, 401, 'missing or invalid bearer token', { headers: { 'www-authenticate': challenge } })
      return
    }
    request.principal = principal
    done()
  }
}

/** All that headers say of the body of a door, and the key. */
export function doorCheck(door: Door): onRequestHookHandler {
  return (request, reply, done) => {
    const { headers } = request
    const key = headers['idempotency-key']
    const encoding = headers['content-encoding']
    const length = Number(headers['content-length'] ?? 0)
    const hasBody = length > 0 || headers['transfer-encoding'] !== undefined
    if (hasBody && door.contentType === undefined) {
      sendError(reply, 415, 'this operation takes no body')
    } else if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
      sendError(reply, 415, 'content encodings are not supported', {
        headers: { 'accept-encoding': 'identity' },
      })
    } else if (door.contentType !== undefined && !isAcceptable(headers['content-type'], hasBody)) {
      sendError(reply, 415, `Content-Type must be ${door.contentType}`, {
        headers: { accept: door.contentType },
      })
    } else if (key !== undefined && !(typeof key === 'string' && isIdempotencyKey(key))) {
      sendError(reply, 400, "invalid 'Idempotency-Key': send one, of 1 to 255 visible ASCII characters")
    } else if (length > door.maxBodyBytes) {
      sendTooLarge(reply, door)
    } else {
      if (receivedOf(request).awaitsContinue) reply.raw.writeContinue()
      done()
    }
  }
}

export function sendTooLarge(reply: FastifyReply, { maxBodyBytes }: Door): void {
  sendError(reply, 413, `the body is longer than ${maxBodyBytes} bytes`)
}

/** A request without a body need not say of what type that is. */
function isAcceptable(contentType: string | undefined, hasBody: boolean): boolean {
  if (contentType === 'application/json') return true
  if (contentType === undefined) return !hasBody
  return /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?;?[ \t]*$/i.test(contentType)
}
