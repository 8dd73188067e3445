import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { serverAccount } from './account.ts'
import { makeCluster } from './postgres-cluster.ts'
import { preparePostgres } from './postgres-files.ts'

/** An installed server, and empty folders for clusters of it. */
async function rig() {
  await using resources = new AsyncDisposableStack()
  const roles = {
    owner: { user: 'a', password: 'a', database: 'a', superuser: false },
    writer: { user: 'b', password: 'b' },
  }
  const { folder: installed, postgres } = await preparePostgres(roles)
  resources.defer(() => rm(installed, { recursive: true }))
  const parent = await mkdtemp(join(tmpdir(), 'clusters-'))
  resources.defer(() => rm(parent, { recursive: true }))
  await chmod(parent, 0o755)
  const account = await serverAccount()
  const place = async (name: string) => {
    const folder = join(parent, name)
    await mkdir(folder)
    return { folder, dataDir: join(folder, 'data'), postgres, account }
  }
  const all = resources.move()
  return { cache: join(parent, 'cache'), place, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

test('initdb runs once; what it made is copied from then on, for the account of the server', async () => {
  await using made = await rig()
  const { cache } = made
  const first = await made.place('first')
  await makeCluster(first, cache, undefined)
  const [kept = '', ...others] = await readdir(cache)
  assert.match(kept, /^cluster-[0-9a-f]{12}$/)
  assert.deepEqual(others, [])
  await writeFile(join(cache, kept, 'mark'), 'a copy has it')
  const second = await made.place('second')
  await makeCluster(second, cache, undefined)
  assert.equal(await readFile(join(second.dataDir, 'mark'), 'utf8'), 'a copy has it')
  for (const { folder } of [first, second]) assert.deepEqual(await readdir(folder), ['data'])
})

test('a cache that cannot be written to is done without', async () => {
  await using made = await rig()
  await writeFile(made.cache, 'no folder')
  const one = await made.place('one')
  await makeCluster(one, made.cache, undefined)
  assert.ok((await readdir(one.dataDir)).includes('PG_VERSION'))
})
