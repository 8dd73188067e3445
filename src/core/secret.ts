/**
 * A secret, or what gives it as it is now: one that stands in a file may be changed while the program runs, so it is
 * asked for at each connection.
 */
export type Secret = string | (() => string)

/** @throws what the function throws */
export function reveal(secret: Secret): string {
  return typeof secret === 'string' ? secret : secret()
}
