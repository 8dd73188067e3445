/** The configuration is wrong: everything that is, each with its fix. The command ends with exit code 2. */
export class ConfigFault extends Error {
  readonly faults: readonly string[]
  /** What is no fault, and perhaps the reason of one: names that are set and do nothing. */
  readonly warnings: readonly string[]

  constructor(faults: readonly string[], warnings: readonly string[] = []) {
    super(`wrong configuration:\n${[...faults, ...warnings].map((line) => `  ${line}`).join('\n')}`)
    this.name = 'ConfigFault'
    this.faults = faults
    this.warnings = warnings
  }
}
