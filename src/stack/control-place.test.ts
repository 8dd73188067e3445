import assert from 'node:assert/strict'
import { chmod, chown, mkdir, mkdtempDisposable, readdir, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { controlPlace, leavePlace, openPlace, PlaceError, placeIsThere } from './control-place.ts'

const inTmp = /^\/tmp\/ingester-\d+-[\da-f]{12}$/
const ownFolder = () => mkdtempDisposable(join(tmpdir(), 'ingester-test-'))

test('it is in XDG_RUNTIME_DIR, separate for each project; looking there creates nothing', async () => {
  await using own = await ownFolder()
  const one = await controlPlace('/a', 'stack', own.path)
  const another = await controlPlace('/b', 'stack', own.path)
  assert.ok(one.socket.startsWith(`${own.path}/ingester-`) && one.socket.endsWith('/stack.sock'))
  assert.notEqual(one.folder, another.folder)
  assert.equal(await placeIsThere(one), false)
  assert.deepEqual(await readdir(own.path), [])
})

test('a runtime folder that is missing, relative, a file, or too long for a socket is skipped', async () => {
  await using own = await ownFolder()
  const file = join(own.path, 'file')
  await writeFile(file, '')
  const long = join(own.path, 'x'.repeat(80))
  await mkdir(long)
  for (const runtimeDir of [undefined, join(own.path, 'nowhere'), '.', file, long]) {
    const { folder } = await controlPlace('/a', 'demo', runtimeDir)
    assert.match(folder, inTmp)
  }
})

test('TMPDIR is not used', async (t) => {
  await using own = await ownFolder()
  const { TMPDIR } = process.env
  t.onTestFinished(
    () => void (TMPDIR === undefined ? delete process.env['TMPDIR'] : (process.env['TMPDIR'] = TMPDIR)),
  )
  process.env['TMPDIR'] = own.path
  assert.match((await controlPlace('/a', 'stack', undefined)).folder, inTmp)
})

test('it is opened for this user alone, repeatedly if necessary, and removed without a trace', async () => {
  await using own = await ownFolder()
  const place = await controlPlace('/a', 'stack', own.path)
  await openPlace(place)
  await openPlace(place)
  assert.equal(await placeIsThere(place), true)
  await leavePlace(place)
  assert.deepEqual(await readdir(own.path), [])
})

test('a place that others can use, or that is not a folder, is rejected with the fix', async () => {
  await using own = await ownFolder()
  const place = await controlPlace('/a', 'stack', own.path)
  const refused = async (why: RegExp) => {
    for (const use of [openPlace, placeIsThere]) {
      await assert.rejects(
        use(place),
        (error: Error) => error instanceof PlaceError && why.test(error.message),
      )
    }
  }
  await mkdir(join(own.path, 'elsewhere'), { mode: 0o700 })
  await symlink(join(own.path, 'elsewhere'), place.folder)
  await refused(/is no folder.*remove it, or set XDG_RUNTIME_DIR/)
})

for (const mode of [0o770, 0o701]) {
  test(`one with mode ${mode.toString(8)} is rejected`, async () => {
    await using own = await ownFolder()
    const place = await controlPlace('/a', 'stack', own.path)
    await openPlace(place)
    await chmod(place.folder, mode)
    await assert.rejects(placeIsThere(place), /is open to other users/)
    await assert.rejects(openPlace(place), /is open to other users/)
  })
}

// Only root can give a folder away.
if (process.getuid?.() === 0) {
  test('one created beforehand by another user is rejected, and so is a runtime folder of theirs', async () => {
    await using own = await ownFolder()
    const place = await controlPlace('/a', 'stack', own.path)
    await openPlace(place)
    await chown(place.folder, 65_534, 65_534)
    await assert.rejects(placeIsThere(place), /belongs to another user/)
    await chown(own.path, 65_534, 65_534)
    assert.match((await controlPlace('/a', 'stack', own.path)).folder, inTmp)
  })
}
