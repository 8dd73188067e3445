import { valuesOf } from './config.ts'
import { readSources } from './environment.ts'

/** Where the scanner publishes. */
export interface ScannerConfig {
  readonly projectId: string
  readonly topicId: string
  readonly emulatorHost: string | undefined
}

const names = { INGESTER_PROJECTID: 'test-project', INGESTER_TOPICID: 'scan-topic' }

/**
 * The exercise's names, unless the environment has others.
 *
 * @throws ConfigFault
 */
export function loadScannerConfig(envFile?: string): ScannerConfig {
  const { environment, ...rest } = readSources(envFile)
  const variables = ['INGESTER_PROJECTID', 'INGESTER_TOPICID', 'PUBSUB_EMULATOR_HOST'] as const
  const values = valuesOf({ ...names, ...environment }, variables, rest)
  return {
    projectId: values.INGESTER_PROJECTID,
    topicId: values.INGESTER_TOPICID ?? names.INGESTER_TOPICID,
    emulatorHost: values.PUBSUB_EMULATOR_HOST,
  }
}
