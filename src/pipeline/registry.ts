import type { Pipeline } from '#core/pipeline.ts'
import { scans } from './scans.ts'

/** Every pipeline there is. The configuration names one. */
export const pipelines: readonly Pipeline[] = [scans]
