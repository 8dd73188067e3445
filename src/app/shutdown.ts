import type { Ingester } from './ingester.ts'

export interface Patience {
  /** Longer is not waited. */
  readonly limitMs: number
  /** Aborts where somebody does not wait at all. */
  readonly hurry: AbortSignal
  /** Told at once, and again every other second, what it waits for: deliveries in hand, and what is in their way. */
  readonly waiting?: (outstanding: number, because: readonly string[]) => void
}

const tellEveryMs = 2000

/**
 * Stops softly, and hard when patience ends.
 *
 * @returns how many deliveries were given back unsettled: 0 after a soft stop
 */
export async function shutDown(ingester: Ingester, { limitMs, hurry, waiting }: Patience): Promise<number> {
  const impatient = Promise.withResolvers<'hard'>()
  const giveUp = () => impatient.resolve('hard')
  if (hurry.aborted) giveUp()
  hurry.addEventListener('abort', giveUp)
  const limit = setTimeout(giveUp, limitMs)
  const tell = () => waiting?.(ingester.outstanding, ingester.trouble)
  tell()
  const telling = setInterval(tell, tellEveryMs)
  const soft = ingester.stop().then(() => 'soft' as const)
  try {
    const how = await Promise.race([soft, impatient.promise])
    return how === 'soft' ? 0 : await ingester.abort()
  } finally {
    clearInterval(telling)
    clearTimeout(limit)
    hurry.removeEventListener('abort', giveUp)
  }
}
