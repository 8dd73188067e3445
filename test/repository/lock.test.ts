import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'vitest'
import { projectDir } from '../support/program.ts'

interface Entry {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const read = (file: string) => readFileSync(join(projectDir, file), 'utf8')
const { packages } = JSON.parse(read('package-lock.json')) as {
  packages: Readonly<Record<string, Entry>>
}
/** Of the registry: the workspace's own packages, and the links to them, come with the checkout. */
const entries = Object.entries(packages).filter(
  ([path, { link }]) => path.includes('node_modules/') && link !== true,
)

test('the lock file has a hash of every package, also of those for other platforms: make lock', () => {
  assert.ok(entries.length > 300)
  const without = entries.filter(([, { integrity = '' }]) => !/^sha512-[\w+/]{86}==$/.test(integrity))
  assert.deepEqual(
    without.map(([path]) => path),
    [],
  )
})

test('the lock file has every optional package for other platforms', () => {
  const wanted = entries.flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).map((name) => [path, name] as const),
  )
  assert.ok(wanted.length > 20)
  const missing = wanted.filter(
    ([path, name]) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`],
  )
  assert.deepEqual(missing, [])
})

test('the lock file names no registry: each machine takes packages from its own', () => {
  assert.match(read('.npmrc'), /^omit-lockfile-registry-resolved=true$/m)
  assert.deepEqual(
    entries.filter(([, { resolved }]) => resolved !== undefined),
    [],
  )
})

// Vitest would take Vite 8 as well, with which npm 10 has refused the lock file that npm 11 wrote.
test('Vite is version 7, everywhere', () => {
  const versions = entries
    .filter(([path]) => /(^|\/)node_modules\/vite$/.test(path))
    .map(([, one]) => one.version)
  assert.match(versions.join(), /^7\.\d+\.\d+$/)
})
