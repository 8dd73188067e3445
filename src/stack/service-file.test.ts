import assert from 'node:assert/strict'
import promises, { mkdtempDisposable, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, vi } from 'vitest'
import { writeServiceFile } from './service-file.ts'

const credentials = { user: 'scanner', password: 'secret', database: 'scanner_dev' }

test('it is for this user alone, and replaces an earlier one', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ingester-test-'))
  const file = join(folder.path, 'service')
  await writeFile(file, 'of a port that was taken', { mode: 0o644 })
  await writeServiceFile(file, credentials, 5433)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.match(await readFile(file, 'utf8'), /^\[scans\]\nhost=127\.0\.0\.1\nport=5433\n/)
})

test('a link that appears in its place is not followed', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ingester-test-'))
  const file = join(folder.path, 'service')
  const target = join(folder.path, 'of-root')
  await writeFile(target, 'kept')
  // The folder's owner may win the race between the two calls.
  const { rm } = promises
  const racing = vi.spyOn(promises, 'rm').mockImplementation(async (...args: Parameters<typeof rm>) => {
    await rm(...args)
    await symlink(target, file)
  })
  syncBuiltinESMExports()
  try {
    await assert.rejects(writeServiceFile(file, credentials, 5433), { code: 'EEXIST' })
  } finally {
    racing.mockRestore()
    syncBuiltinESMExports()
  }
  assert.equal(await readFile(target, 'utf8'), 'kept')
})
