import type { Malformed } from './fault.ts'
import { mayHoldSecret, quoted } from './shown.ts'

/** What is wrong with the name of a pipeline that does not exist. */
export function unknownPipeline(
  name: string,
  available: readonly string[],
  variable: 'INGESTER_PIPELINE' | 'INGESTER_PIPELINES' = 'INGESTER_PIPELINE',
): Malformed {
  const which = mayHoldSecret(name) ? 'pipeline, whose name is not repeated here' : `pipeline ${quoted(name)}`
  const rule = `unknown ${which} (available: ${available.join(', ')}; or the path of a module: ./orders.ts)`
  return { kind: 'malformed', variable, rule }
}
