import type { Pipeline } from '#core/pipeline.ts'
import { scans } from './scans.ts'

/** Every pipeline there is. INGESTER_PIPELINE names one. */
export const pipelines: readonly Pipeline[] = [scans]
