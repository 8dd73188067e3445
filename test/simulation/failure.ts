import { drawPlan } from './draw-plan.ts'
import type { Plan } from './plan.ts'
import { shrink } from './shrink.ts'
import type { Outcome } from './simulate.ts'
import { simulate } from './simulate.ts'

/** The one line that runs a seed again, cuts it down and tells its story. */
export function replayOf(seed: number): string {
  return `make simulate SEED=${seed} RUNS=1`
}

/** What a person needs of a seed that failed: what was broken, the smallest plan that still breaks it, its story. */
export async function tellFailure(seed: number): Promise<string> {
  const plan = drawPlan(seed)
  const first = await simulate(plan)
  const broken = promisesOf(first)
  const smallest = await shrink(plan, async (candidate) =>
    promisesOf(await simulate(candidate)).some((promise) => broken.includes(promise)),
  )
  const told = await simulate(smallest, true)
  return [
    `Seed ${seed} breaks a promise; again by: ${replayOf(seed)}`,
    ...first.breaches.map((breach) => `  ${breach}`),
    '',
    `Cut down from ${plan.events.length} events to ${smallest.events.length}, it breaks:`,
    ...told.breaches.map((breach) => `  ${breach}`),
    '',
    'The plan, for test/simulation/found.test.ts (`make format` makes it look like the others):',
    tellPlan(smallest),
    '',
    'Its story (virtual seconds, who, what):',
    ...storyTo(told),
  ].join('\n')
}

/** A smaller plan that breaks something else would tell another story. */
function promisesOf({ breaches }: Outcome): string[] {
  return breaches.map((breach) => breach.slice(0, breach.indexOf(':')))
}

function tellPlan({ events, ...settings }: Plan): string {
  const lines = events.map((event) => `    ${JSON.stringify(event)},`)
  return [`  ${JSON.stringify(settings).slice(0, -1)},"events":[`, ...lines, '  ]}'].join('\n')
}

/** What came after the first breach says nothing more. */
function storyTo({ story }: Outcome): readonly string[] {
  const at = story.findIndex((line) => / BREACH /.test(line))
  return at < 0 ? story : story.slice(0, at + 1)
}
