import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { pickAccount, reachableByOthers, writableByOthers } from './account.ts'

const root = 'root:x:0:0:root:/root:/bin/bash'
const nobody = 'nobody:x:65534:65533:nobody:/:/usr/sbin/nologin'

test('the account postgres is preferred to nobody, and nobody to none', () => {
  const postgres = 'postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash'
  assert.deepEqual(pickAccount([root, nobody, postgres].join('\n')), { name: 'postgres', uid: 101, gid: 104 })
  assert.deepEqual(pickAccount([root, nobody].join('\n')), { name: 'nobody', uid: 65_534, gid: 65_533 })
  assert.equal(pickAccount(root), undefined)
})

test('a parent folder that is closed to others makes a file unreachable', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ingester-test-'))
  const file = join(folder, 'clone', 'bin', 'postgres')
  await mkdir(join(folder, 'clone', 'bin'), { recursive: true })
  await writeFile(file, '')
  await chmod(join(folder, 'clone'), 0o755)
  await chmod(join(folder, 'clone', 'bin'), 0o755)
  await chmod(file, 0o755)
  assert.equal(await reachableByOthers(file), false, 'mkdtemp makes it 0700')
  await chmod(folder, 0o711)
  assert.equal(await reachableByOthers(file), await reachableByOthers(tmpdir()))
  assert.equal(await writableByOthers(folder), false, 'entered, but not written')
  await chmod(file, 0o744)
  assert.equal(await reachableByOthers(file), false, 'not executable for others')
  await rm(folder, { recursive: true })
})
