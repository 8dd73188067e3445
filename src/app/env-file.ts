import { open, writeFile } from 'node:fs/promises'
import { ConfigurationError, messageOf } from '#core/failure.ts'
import type { StackStatus } from './stack-status.ts'

export function envLines(env: StackStatus['env']): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`)
}

/**
 * To be called before what is to be written is begun.
 *
 * @throws ConfigurationError if the file cannot be written
 */
export async function checkEnvFile(file: string): Promise<void> {
  try {
    const opened = await open(file, 'a', 0o600)
    await opened.close()
  } catch (error) {
    throw new ConfigurationError(
      `${file} cannot be written: ${messageOf(error)}; name another file with --write, or leave it out`,
      { cause: error },
    )
  }
}

/**
 * Writes the variables as an env file, readable by this user alone: there is a password in it.
 *
 * @throws ConfigurationError if it cannot be written; the stack runs all the same
 */
export async function writeEnvFile(file: string, { env }: StackStatus): Promise<void> {
  const head = '# Written by `bin/ingester stack up`: where the stack of this folder is.'
  try {
    await writeFile(file, [head, ...envLines(env), ''].join('\n'), { mode: 0o600 })
  } catch (error) {
    throw new ConfigurationError(
      `the stack runs, but ${file} could not be written: ${messageOf(error)}; \`bin/ingester stack down\` ends it`,
      { cause: error },
    )
  }
}
