/** Structured log lines. Fields never hold payloads or secrets. */
export interface Logger {
  debug(fields: Fields, message: string): void
  info(fields: Fields, message: string): void
  warn(fields: Fields, message: string): void
  error(fields: Fields, message: string): void
}

export type Fields = Readonly<Record<string, unknown>>

export const noLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
