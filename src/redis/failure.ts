import { ReplyError } from 'ioredis'
import type { BypassCause } from '#core/cache.ts'
import { messageOf } from '#core/failure.ts'

/** A call to Redis that came to nothing; it may have been carried out all the same. The message has the mend. */
export class RedisFailure extends Error {
  readonly bypass: BypassCause

  constructor(bypass: BypassCause, what: string, mend = mends[bypass]) {
    super(mend ? `${what}; ${mend}` : what)
    this.name = 'RedisFailure'
    this.bypass = bypass
  }
}

const mends: Partial<Record<BypassCause, string>> = {
  disconnected: 'check INGESTER_REDIS_ADDR and INGESTER_REDIS_TLS',
  'no-rights': 'check INGESTER_REDIS_PASSWORD',
  'read-only': 'INGESTER_REDIS_ADDR must be that of the primary',
  'out-of-memory': 'raise its maxmemory, or let it forget: maxmemory-policy allkeys-lru',
}

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
  if (error instanceof ReplyError) {
    if (/DB index is out of range/.test(message)) {
      return new RedisFailure('refused', message, 'check INGESTER_REDIS_DB')
    }
    return new RedisFailure(replies.find(([start]) => start.test(message))?.[1] ?? 'refused', message)
  }
  return new RedisFailure(/timed out|Socket timeout/.test(message) ? 'timeout' : 'disconnected', message)
}

/** The scripts that Redis had learnt are lost: it was restarted or told to forget them. */
export function isScriptLost(error: unknown): boolean {
  return error instanceof ReplyError && messageOf(error).startsWith('NOSCRIPT')
}
