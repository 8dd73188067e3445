/** The user has to change something before a retry can work. The command ends with exit code 2. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

/** A dependency was not reachable within the time limit. The command ends with exit code 3. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
}
