import type { Fault, UnknownVariable } from './fault.ts'
import { faultText } from './fault-text.ts'

/** The configuration is wrong: everything that is, each with its fix. The command ends with exit code 2. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault'
  readonly faults: readonly Fault[]
  /** Not faults, but possibly the reason for one. */
  readonly warnings: readonly UnknownVariable[]

  constructor(faults: readonly Fault[], warnings: readonly UnknownVariable[] = []) {
    super(`wrong configuration:\n${[...faults, ...warnings].map((one) => `  ${faultText(one)}`).join('\n')}`)
    this.faults = faults
    this.warnings = warnings
  }
}
