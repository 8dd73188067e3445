import { findCommand } from '#stack/commands.ts'

/** Undefined where it is not installed. */
export const caddy = await findCommand('caddy')

/** Why the tests that need it are skipped; false where they are not. */
export const withoutCaddy =
  caddy === undefined && 'needs caddy: `sudo apt-get install caddy`, `brew install caddy`, …'
