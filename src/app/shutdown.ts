import { setTimeout as wait } from 'node:timers/promises'
import type { Ingester } from './ingester.ts'

/**
 * Stops softly, and hard when that takes longer than `limitMs` or `hurry` aborts.
 *
 * @returns how many deliveries were given back unsettled: 0 after a soft stop
 */
export async function shutDown(ingester: Ingester, limitMs: number, hurry: AbortSignal): Promise<number> {
  const impatient = Promise.withResolvers<'hard'>()
  const giveUp = () => impatient.resolve('hard')
  if (hurry.aborted) giveUp()
  hurry.addEventListener('abort', giveUp)
  const soft = ingester.stop().then(() => 'soft' as const)
  const how = await Promise.race([soft, impatient.promise, wait(limitMs, 'hard' as const, { ref: false })])
  hurry.removeEventListener('abort', giveUp)
  return how === 'soft' ? 0 : ingester.abort()
}
