import { configOf } from './config.ts'
import { readEnvironment } from './environment.ts'

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
  const given = Object.entries(readEnvironment(envFile)).filter(([name]) => names.includes(name))
  const {
    projectId,
    topicId = 'scan-topic',
    emulatorHost,
  } = configOf({
    INGESTER_PROJECTID: 'test-project',
    INGESTER_POSTGRES_USER: 'unused',
    INGESTER_POSTGRES_PASSWORD: 'unused',
    INGESTER_POSTGRES_DB: 'unused',
    ...Object.fromEntries(given),
  }).config.pubsub
  return { projectId, topicId, emulatorHost }
}
