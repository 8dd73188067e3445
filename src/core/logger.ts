/** Structured log lines. Fields never hold payloads or secrets. */
export interface Logger {
  debug(fields: Fields, message: string): void
  info(fields: Fields, message: string): void
  warn(fields: Fields, message: string): void
  error(fields: Fields, message: string): void
}

export type Fields = Readonly<Record<string, unknown>>

/** The same with these fields in each line, before its own. */
export function withFields(logger: Logger, common: Fields): Logger {
  return {
    debug: (fields, message) => logger.debug({ ...common, ...fields }, message),
    info: (fields, message) => logger.info({ ...common, ...fields }, message),
    warn: (fields, message) => logger.warn({ ...common, ...fields }, message),
    error: (fields, message) => logger.error({ ...common, ...fields }, message),
  }
}

export const noLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
