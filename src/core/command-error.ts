import { ExplainedError } from './explained-error.ts'

/** The user has to change something before a retry can work. The command ends with exit code 2. */
export class ConfigurationError extends ExplainedError {
  override readonly name = 'ConfigurationError'
}

/** A dependency was not reachable within the time limit. The command ends with exit code 3. */
export class UnreachableError extends ExplainedError {
  override readonly name = 'UnreachableError'
}
