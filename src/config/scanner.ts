import { cleanEnv, str } from 'envalid'
import { readEnvironment } from './environment.ts'

/** Where the scanner publishes. */
export interface ScannerConfig {
  readonly projectId: string
  readonly topicId: string
  readonly emulatorHost: string | undefined
}

/** The exercise's names, unless the environment has others. */
export function loadScannerConfig(envFile?: string): ScannerConfig {
  const env = cleanEnv(
    { ...readEnvironment(envFile) },
    {
      INGESTER_PROJECTID: str({ default: 'test-project' }),
      INGESTER_TOPICID: str({ default: 'scan-topic' }),
      PUBSUB_EMULATOR_HOST: str({ default: undefined }),
    },
  )
  return {
    projectId: env.INGESTER_PROJECTID,
    topicId: env.INGESTER_TOPICID,
    emulatorHost: env.PUBSUB_EMULATOR_HOST,
  }
}
