import { Random } from '#demo/random.ts'
import type { Plan } from './plan.ts'
import { Universe } from './universe.ts'

/** What became of one schedule. */
export interface Outcome {
  /** Empty where all promises were kept. */
  readonly breaches: readonly string[]
  /** How often each kind of thing happened. */
  readonly counts: ReadonlyMap<string, number>
  /** From the last fault to the last ack. */
  readonly settledAfterMs: number
  /** What happened, where it was asked for. */
  readonly story: readonly string[]
}

/** Runs a plan. The same plan has the same outcome: time and chance are the plan's, and nothing else is asked. */
export async function simulate(plan: Plan, telling = false): Promise<Outcome> {
  // Jitter comes from Math.random: in cockatiel, and in the engine's pause after a conflict.
  const { random: original } = Math
  const dice = new Random(plan.dice)
  Math.random = () => dice.next()
  const universe = new Universe(plan, telling)
  const threw = (error: unknown) =>
    universe.story.breach('errors', error instanceof Error ? (error.stack ?? error.message) : String(error))
  // Unhandled rejections arrive here: most of an engine's work is not awaited.
  const events = ['unhandledRejection', 'uncaughtException'] as const
  for (const event of events) process.on(event, threw)
  try {
    await universe.run()
  } catch (error) {
    threw(error)
  } finally {
    for (const event of events) process.off(event, threw)
    Math.random = original
  }
  const { breaches, counts, lines, settledAfterMs } = universe.story
  return { breaches, counts, settledAfterMs, story: lines }
}
