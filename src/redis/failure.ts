import { ReplyError } from 'ioredis'
import type { BypassCause } from '#core/cache.ts'
import { messageOf } from '#core/error-message.ts'
import type { Advice } from '#core/advice.ts'
import { advice, option } from '#core/advice.ts'
import { ExplainedError } from '#core/explained-error.ts'

/** A failed call to Redis; it may have been executed all the same. */
export class RedisFailure extends ExplainedError {
  override readonly name = 'RedisFailure'
  readonly bypass: BypassCause

  constructor(bypass: BypassCause, message: string, fixes = usualFixes[bypass] ?? []) {
    super(message, { fixes })
    this.bypass = bypass
  }
}

const address = option('redis.address')

const usualFixes: Partial<Record<BypassCause, readonly Advice[]>> = {
  disconnected: [advice`check ${address} and ${option('redis.tls')}`],
  timeout: [advice`Redis may be overloaded, or ${address} may point elsewhere`],
  'no-rights': [advice`check ${option('redis.password')}`],
  'read-only': [advice`${address} must be that of the primary`],
  'out-of-memory': [advice`raise its maxmemory, or enable eviction: maxmemory-policy allkeys-lru`],
}

/** For errors of Redis and OpenSSL that have no code, or one that says less. */
const ownFixes: readonly [RegExp, Advice][] = [
  [/DB index is out of range/, advice`check ${option('redis.database')}`],
  [/certificate has expired/, advice`renew the server's certificate`],
  [/certificate is not yet valid/, advice`set the clocks of this machine and of the server`],
  [/certificate/i, advice`check ${address}, or name your authority in NODE_EXTRA_CA_CERTS`],
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
  const own = ownFixes.find(([what]) => what.test(message))
  return new RedisFailure(bypassOf(error, message), message, own && [own[1]])
}

function bypassOf(error: unknown, message: string): BypassCause {
  if (error instanceof ReplyError) return replies.find(([start]) => start.test(message))?.[1] ?? 'refused'
  return /timed out|Socket timeout/.test(message) ? 'timeout' : 'disconnected'
}

/** Redis has lost its cached scripts: it was restarted, or they were flushed. */
export function isScriptLost(error: unknown): boolean {
  return error instanceof ReplyError && messageOf(error).startsWith('NOSCRIPT')
}
