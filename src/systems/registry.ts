import type { Door } from '#core/door.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { incrementDoor } from './increments/door.ts'
import { increments } from './increments/pipeline.ts'

/** A whole system on the engine, from its front door to its table. */
export interface System {
  /** Routes of the gateway; none where nothing comes in by HTTP. */
  readonly doors: readonly Door[]
  readonly pipeline: Pipeline
}

/** Every system there is, by its name. */
export const systems: ReadonlyMap<string, System> = new Map([
  ['increments', { doors: [incrementDoor], pipeline: increments }],
])
