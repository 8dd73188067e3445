import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

const shell = async (script: string, ...args: string[]): Promise<string | undefined> => {
  try {
    const { stdout } = await run('/bin/sh', ['-c', script, 'sh', ...args])
    return stdout.trim() || undefined
  } catch {
    return undefined
  }
}

/** The path of a program on PATH, as the shell finds it; undefined when there is none. */
export const findCommand = async (name: string): Promise<string | undefined> =>
  await shell('command -v "$1"', name)
