// What only npm can say of the lock file: npm 10 completes optional packages and peers by rules of its own, and refuses
// a lock file of npm 11 in which it misses one.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { projectDir } from '../support/program.ts'

interface Lock {
  packages: Record<string, { version?: string }>
}

const readJson = async (file: string) => JSON.parse(await readFile(join(projectDir, file), 'utf8'))

/** What npm 10 says before it would install; the packages themselves are not fetched. */
async function npm10(lock: Lock): Promise<string> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lock-'))
  const { workspaces = [] } = (await readJson('package.json')) as { workspaces?: string[] }
  for (const file of ['package.json', '.npmrc', ...workspaces.map((path) => `${path}/package.json`)]) {
    await mkdir(dirname(join(folder.path, file)), { recursive: true })
    await cp(join(projectDir, file), join(folder.path, file))
  }
  await writeFile(join(folder.path, 'package-lock.json'), JSON.stringify(lock))
  const args = ['--yes', '--prefer-offline', 'npm@10', 'ci', '--dry-run', '--ignore-scripts', '--no-audit']
  const { stdout } = await promisify(execFile)('npx', args, { cwd: folder.path })
  return stdout
}

test('npm 10 installs the lock file', async () => {
  expect(await npm10(await readJson('package-lock.json'))).toMatch(/^added \d{3} packages/m)
})

test('npm 10 rejects a lock file that lacks a required package', async () => {
  const lock: Lock = await readJson('package-lock.json')
  delete lock.packages['node_modules/commander']
  await expect(npm10(lock)).rejects.toThrow('Missing: commander@')
})
