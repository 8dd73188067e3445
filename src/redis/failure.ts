import { ReplyError } from 'ioredis'
import type { BypassCause } from '#core/cache.ts'
import { messageOf } from '#core/error-message.ts'

/** A call to Redis that came to nothing; it may have been carried out all the same. The message has the fix. */
export class RedisFailure extends Error {
  readonly bypass: BypassCause

  constructor(bypass: BypassCause, what: string, fix = fixes[bypass]) {
    super(fix ? `${what}; ${fix}` : what)
    this.name = 'RedisFailure'
    this.bypass = bypass
  }
}

const fixes: Partial<Record<BypassCause, string>> = {
  disconnected: 'check INGESTER_REDIS_ADDR and INGESTER_REDIS_TLS',
  timeout: 'is it overloaded, or INGESTER_REDIS_ADDR that of something else?',
  'no-rights': 'check INGESTER_REDIS_PASSWORD',
  'read-only': 'INGESTER_REDIS_ADDR must be that of the primary',
  'out-of-memory': 'raise its maxmemory, or let it forget: maxmemory-policy allkeys-lru',
}

/** Of messages that say more than their cause does. */
const ownFixes: readonly [RegExp, string][] = [
  [/DB index is out of range/, 'check INGESTER_REDIS_DB'],
  [/certificate has expired/, "renew the server's certificate"],
  [/certificate is not yet valid/, 'set the clocks of this machine and of the server'],
  [/certificate/i, 'check INGESTER_REDIS_ADDR, or name your authority in NODE_EXTRA_CA_CERTS'],
]

/** How Redis begins its errors. */
const replies: readonly [RegExp, BypassCause][] = [
  [/^LOADING\b/, 'loading'],
  [/^READONLY\b/, 'read-only'],
  [/^OOM\b/, 'out-of-memory'],
  [/^(NOAUTH|WRONGPASS|NOPERM)\b|\bAUTH\b/, 'no-rights'],
]

/** What an error of ioredis means. Its errors hold the command, keys and all, so they do not become a cause. */
export function asRedisFailure(error: unknown): RedisFailure {
  if (error instanceof RedisFailure) return error
  const message = messageOf(error)
  return new RedisFailure(
    bypassOf(error, message),
    message,
    ownFixes.find(([what]) => what.test(message))?.[1],
  )
}

function bypassOf(error: unknown, message: string): BypassCause {
  if (error instanceof ReplyError) return replies.find(([start]) => start.test(message))?.[1] ?? 'refused'
  return /timed out|Socket timeout/.test(message) ? 'timeout' : 'disconnected'
}

/** The scripts that Redis had learnt are lost: it was restarted or told to forget them. */
export function isScriptLost(error: unknown): boolean {
  return error instanceof ReplyError && messageOf(error).startsWith('NOSCRIPT')
}
