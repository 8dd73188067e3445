import type { Plan, PlannedEvent } from './plan.ts'
import { calm } from '../simulated/servers/wire.ts'

/**
 * Cuts a plan down as long as it fails: fewer events, in halves, quarters and one by one; fewer replicas; calmer
 * weather; plainer settings. What is left is small enough to read.
 *
 * @param budget most plans that are tried
 */
export async function shrink(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
  budget = 600,
): Promise<Plan> {
  let best = plan
  let left = budget
  const attempt = async (candidate: Plan): Promise<boolean> => {
    if (left <= 0) return false
    left -= 1
    if (!(await fails(candidate))) return false
    best = candidate
    return true
  }
  for (let before: Plan | undefined; before !== best && left > 0; ) {
    before = best
    for (const simpler of simplifications) await attempt(simpler(best))
    await shrinkEvents(() => best, attempt)
  }
  return best
}

async function shrinkEvents(best: () => Plan, attempt: (plan: Plan) => Promise<boolean>): Promise<void> {
  for (let size = Math.ceil(best().events.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best().events.length; ) {
      const { events } = best()
      const without = [...events.slice(0, at), ...events.slice(at + size)]
      if (!(await attempt({ ...best(), events: without }))) at += size
    }
  }
}

const replica0 = (event: PlannedEvent): PlannedEvent =>
  'replica' in event ? { ...event, replica: 0 } : event

const simplifications: readonly ((plan: Plan) => Plan)[] = [
  (plan) => ({ ...plan, weather: { redis: calm, postgres: calm, broker: calm } }),
  (plan) => ({ ...plan, weather: { ...plan.weather, redis: calm } }),
  (plan) => ({ ...plan, weather: { ...plan.weather, postgres: calm } }),
  (plan) => ({ ...plan, weather: { ...plan.weather, broker: calm } }),
  (plan) => ({ ...plan, conflicts: 0, timeouts: 0, strays: 0 }),
  (plan) => ({ ...plan, duplicates: 0, responsesLost: 0 }),
  (plan) => ({ ...plan, shuffle: 0, dawdleMs: 0, ignoresFlowControl: false }),
  (plan) => ({ ...plan, replicas: 1, events: plan.events.map(replica0) }),
  (plan) => ({ ...plan, replicas: Math.min(2, plan.replicas), events: plan.events.map(within(2)) }),
  (plan) => ({ ...plan, workers: 1 }),
  (plan) => ({ ...plan, maxMessages: 1000, maxBytes: 100_000 }),
  (plan) => ({ ...plan, maxBatchBytes: 1000 }),
  (plan) => ({ ...plan, flushIntervalMs: 0 }),
  (plan) => ({ ...plan, cache: false }),
  (plan) => ({ ...plan, claims: false }),
  (plan) => (plan.horizonHours ? { ...plan, horizonHours: [24] } : plan),
  (plan) => ({ ...plan, watermarkLifeMs: 3_600_000 }),
  (plan) => ({
    ...plan,
    events: plan.events.map((event) => ({ ...event, atMs: Math.ceil(event.atMs / 4) })),
  }),
]

function within(replicas: number): (event: PlannedEvent) => PlannedEvent {
  return (event) => ('replica' in event ? { ...event, replica: event.replica % replicas } : event)
}
