import type { Malformed } from './fault.ts'
import { mayHoldSecret, quoted } from './shown.ts'

/** What is wrong with the name of a pipeline that does not exist. */
export function unknownPipeline(name: string, available: readonly string[]): Malformed {
  const which = mayHoldSecret(name) ? 'pipeline, whose name is not repeated here' : `pipeline ${quoted(name)}`
  const rule = `unknown ${which} (available: ${available.join(', ')})`
  return { kind: 'malformed', variable: 'INGESTER_PIPELINE', rule }
}
