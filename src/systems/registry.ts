import type { Door } from '#core/door.ts'
import { incrementDoor } from './increments/door.ts'

/** A whole system on the engine, from its front door to its table. */
export interface System {
  /** Routes of the gateway; none where nothing comes in by HTTP. */
  readonly doors: readonly Door[]
}

/** Every system there is, by its name. */
export const systems: ReadonlyMap<string, System> = new Map([['increments', { doors: [incrementDoor] }]])
