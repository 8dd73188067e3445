import type { Environment } from './environment.ts'
import { processEnvironment, readSources } from './environment.ts'
import { ConfigFault } from './config-fault.ts'

/** How log lines are written; `gcp` as Google Cloud's Logging and Error Reporting read them. */
export const logOutputs = ['json', 'console', 'gcp'] as const
export type LogOutput = (typeof logOutputs)[number]

/**
 * The value of INGESTER_LOG_OUTPUT, even if everything else is invalid: those faults are reported in this format, too.
 *
 * @returns undefined where it is not set, or to none of these
 */
export function logOutputOf(envFile: string | undefined): LogOutput | undefined {
  const wanted = environmentOrLess(envFile)['INGESTER_LOG_OUTPUT']
  return logOutputs.find((output) => output === wanted)
}

function environmentOrLess(envFile: string | undefined): Environment {
  try {
    return readSources(envFile).environment
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error
    return processEnvironment()
  }
}
