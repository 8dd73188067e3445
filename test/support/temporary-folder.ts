// Before and after a run (globalSetup in vitest.config.ts): the folder in which each test file has its own for temporary
// files (leftovers.ts). A file without a test that runs has no hook that runs, so what it made there goes with this one.
import { chmodSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    temporaryFolder: string
  }
}

export default function makeTemporaryFolder(project: TestProject): (() => void) | undefined {
  // The others inherit it, and what it provides.
  if (!project.isRootProject()) return undefined
  // Short, since the path of a socket must not be longer than 104 bytes.
  const folder = mkdtempSync(join(process.env['TMPDIR'] ?? roomyMemory() ?? '/tmp', 'it-'))
  // The account of PostgreSQL passes through.
  chmodSync(folder, 0o755)
  project.provide('temporaryFolder', folder)
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/**
 * Linux's folder in memory, where there is plenty of it and programs may run there. Servers make and remove a thousand files
 * a start: on a disk that was half of the processor time of their tests, and much waiting for fsync.
 */
function roomyMemory(): string | undefined {
  const path = '/dev/shm'
  const neededBytes = 4 * 2 ** 30
  try {
    const { bavail, bsize } = statfsSync(path)
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[1] === path)
    const mayRun = mount !== undefined && !/\bnoexec\b/.test(mount)
    return mayRun && bavail * bsize >= neededBytes ? path : undefined
  } catch {
    return undefined
  }
}
