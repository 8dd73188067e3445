import type { Fault, UnknownVariable } from './fault.ts'
import { faultText } from './fault-text.ts'

/** The configuration is invalid: every fault, each with its fix. The command ends with exit code 2. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault'
  readonly faults: readonly Fault[]
  /** Not faults, but possibly the reason for one. */
  readonly warnings: readonly UnknownVariable[]

  constructor(faults: readonly Fault[], warnings: readonly UnknownVariable[] = []) {
    const lines = [...faults.map(faultText), ...warnings.map((one) => `warning: ${faultText(one)}`)]
    super(`invalid configuration:\n${lines.map((line) => `  ${line}`).join('\n')}`)
    this.faults = faults
    this.warnings = warnings
  }
}
