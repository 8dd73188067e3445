import { configOf } from './config.ts'
import { readSources } from './environment.ts'

/** Where the scanner publishes. */
export interface ScannerConfig {
  readonly projectId: string
  readonly topicId: string
  readonly emulatorHost: string | undefined
}

const names = ['INGESTER_PROJECTID', 'INGESTER_TOPICID', 'PUBSUB_EMULATOR_HOST']

/**
 * The exercise's names, unless the environment has others.
 *
 * @throws ConfigFault
 */
export function loadScannerConfig(envFile?: string): ScannerConfig {
  const { environment, ...rest } = readSources(envFile)
  const given = Object.entries(environment).filter(([name]) => names.includes(name))
  const {
    projectId,
    topicId = 'scan-topic',
    emulatorHost,
  } = configOf(
    {
      INGESTER_PROJECTID: 'test-project',
      INGESTER_POSTGRES_USER: 'unused',
      INGESTER_POSTGRES_PASSWORD: 'unused',
      INGESTER_POSTGRES_DB: 'unused',
      ...Object.fromEntries(given),
    },
    rest,
  ).config.pubsub
  return { projectId, topicId, emulatorHost }
}
