import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'vitest'
import { configOf } from '#config/config.ts'
import { parseEnvFile } from '#config/env-file.ts'
import { secretFiles } from '#config/secrets.ts'
import { spec } from '#config/spec.ts'
import { decoderError, refusedByDatabase } from '#core/dead-letter.ts'
import { identityAttributes } from '#core/identity.ts'
import { withRequestIdentity } from '#gateway/request-identity.ts'
import { mappingReasons } from '#pipeline/mapping/decode-mapping.ts'
import { parseMapping } from '#pipeline/mapping/read-mapping.ts'
import { incrementDoor } from '#systems/increments/door.ts'
import { documents as ofConfiguration } from '../../tools/configuration.ts'
import { documents as ofMappings } from '../../tools/pipeline-schema.ts'
import { projectDir } from '../support/program.ts'

const read = (file: string) => readFileSync(join(projectDir, file), 'utf8')

/** In the order in which they appear. */
const variablesIn = (text: string) => new Set(text.match(/\b(?:INGESTER|PUBSUB)_[A-Z_]*[A-Z]\b/g))

test('docs/CONFIGURATION.md and .env.demo name every variable that has an effect, and no other', () => {
  for (const file of ['docs/CONFIGURATION.md', '.env.demo']) {
    const named = variablesIn(read(file))
    for (const name of secretFiles) named.delete(name)
    assert.deepEqual([...named].sort(), Object.keys(spec).sort(), file)
  }
})

// But for CHANGELOG, which also tells what is gone.
test('no document names a variable that has no effect', () => {
  const inDocs = readdirSync(join(projectDir, 'docs')).filter((file) => file.endsWith('.md'))
  const known = new Set([...Object.keys(spec), ...secretFiles])
  for (const file of ['README.md', ...inDocs.map((one) => `docs/${one}`)]) {
    assert.deepEqual([...variablesIn(read(file)).difference(known)], [], file)
  }
})

for (const [file, render] of Object.entries({ ...ofConfiguration, ...ofMappings })) {
  test(`${file} matches the specification; if it does not: make docs`, () => {
    const text = read(file)
    assert.equal(text, render(text), '`make docs` brings it up to date')
  })
}

/** Of these one thing alone is the cause: a name, a port, a table, a role, a server of Redis. */
const ofOneThing = new Set([
  'admin port',
  'fillfactor of ${name}',
  'indexes of ${name}',
  'postgres encoding',
  'postgres role',
  'redis memory',
  'redis password',
  'subscription',
  'subscription topic',
  'table ${name}',
  'topic',
  'triggers on ${name}',
  'unknown variable',
])

/** The names under which a file's functions warn: each that calls `warning` names it there, or is given it. */
function warningsIn(source: string): string[] {
  const functions = source.split(/^(?=(?:export )?(?:async )?function )/m)
  return functions.slice(1).flatMap((text) => {
    const literal = [...text.matchAll(/\bwarning\(\s*['`]([^'`]+)['`]/g)].map(([, name = '']) => name)
    if (!/\bwarning\(\s*(?:name|finding)\b/.test(text)) return literal
    const [, own] = /const (?:name|finding) = ['`]([^'`]+)['`]/.exec(text) ?? []
    // The one that is given its name looks at the table itself.
    return [...literal, own ?? 'table ${name}']
  })
}

test('the mapping file in README.md is right', () => {
  const [, text = ''] = /^```yaml\n(.*?)^```$/ms.exec(read('README.md')) ?? []
  assert.equal(parseMapping(text, 'README.yaml').mapping.name, 'orders')
})

test('docs/MAPPING.md lists each reason that a dead letter of a mapping may have', () => {
  const [, table = ''] = /<!-- reasons -->\n(.*?)\n\n/s.exec(read('docs/MAPPING.md')) ?? []
  const listed = [...table.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, reason]) => reason)
  assert.deepEqual(listed, [...mappingReasons, refusedByDatabase, decoderError])
})

test('docs/CONFIGURATION.md lists what the doctor finds dangerous together', () => {
  const files = readdirSync(join(projectDir, 'src'), { recursive: true, encoding: 'utf8' })
  const warned = files
    .filter((file) => /(?:doctor\/checks|findings?)\.ts$/.test(file))
    .flatMap((file) => warningsIn(read(join('src', file))))
  const together = new Set(warned).difference(ofOneThing)
  const [, table = ''] = /dangerous together.*?\n\n(.*?)(?:\n\n|$)/s.exec(read('docs/CONFIGURATION.md')) ?? []
  const listed = [...table.matchAll(/^\| ([\w ]+) \| /gm)].map(([, name = '']) => name).slice(1)
  assert.deepEqual(
    [...together].sort(),
    listed.sort(),
    `or they are of one thing alone: ${warned.join(', ')}`,
  )
})

const environmentOf = (text: string) => Object.fromEntries(parseEnvFile(text).values)

test('.env.demo is a valid configuration, and its commented lines are the defaults', () => {
  const text = read('.env.demo')
  const { config, warnings } = configOf(environmentOf(text))
  assert.deepEqual(warnings, [])
  const withoutFixedDefault =
    /^#INGESTER_(WORKER_COUNT|FLUSH_INTERVAL|POSTGRES_POOL_SIZE|TOPICID|SUBSCRIPTIONID|REDIS_PASSWORD|\w+_URL)=/
  const uncommented = text
    .split('\n')
    .filter((line) => !withoutFixedDefault.test(line))
    .map((line) => line.replace(/^#(?=[A-Z_]+=)/, ''))
  // As text, which functions that give secrets do not become.
  assert.equal(JSON.stringify(configOf(environmentOf(uncommented.join('\n'))).config), JSON.stringify(config))
})

test('docs/DEAD-LETTERS.md makes of an Idempotency-Key what a gateway makes of it', () => {
  const [, text = '', key] =
    /printf '(\[.*"([^"]+)"\])' \| sha256sum/.exec(read('docs/DEAD-LETTERS.md')) ?? []
  const route = `${incrementDoor.method} ${incrementDoor.path}`
  const [message] = withRequestIdentity([{ data: Buffer.of() }], { principal: '', route, key }, 0)
  assert.equal(message?.attributes?.[identityAttributes.request], hash('sha256', text))
})

test('documents name existing make targets', () => {
  const makefile = read('Makefile')
  const pages = ['README.md', 'docs/GETTING-STARTED.md', 'docs/CACHE.md', 'docs/RELIABILITY.md']
  const commands = pages.flatMap((page) => [...read(page).matchAll(/(?:^|`)make ([a-z-]+)/gm)])
  const named = new Set(commands.map(([, target]) => target))
  assert.ok(named.size > 5)
  const missing = [...named].filter((target) => !new RegExp(`^${target}:`, 'm').test(makefile))
  assert.deepEqual(missing, [])
})

test('every promise in docs/SPEC.md names existing tests', () => {
  const promises = read('docs/SPEC.md')
    .split(/^(?=\*\*\d+\.)/m)
    .slice(1)
  assert.ok(promises.length > 20)
  for (const promise of promises) {
    const tests = [...promise.matchAll(/^ *- `([^`]+)`: (.+)$/gm)]
    assert.ok(tests.length > 0, `no test is named for: ${promise}`)
    for (const [, file, title] of tests) {
      const named = new RegExp(`\\b(?:test|describe)\\(\\s*['"\`][^\\n]*${RegExp.escape(title as string)}`)
      assert.match(read(file as string), named, `${file} has no test "${title}"`)
    }
  }
})

test('every link in a document leads to an existing file and heading', () => {
  const systems = readdirSync(join(projectDir, 'src/systems'), { withFileTypes: true })
    .filter((one) => one.isDirectory())
    .map(({ name }) => `src/systems/${name}`)
  assert.ok(systems.length > 0)
  const all = ['', 'docs', 'examples', 'src/emulator', ...systems].flatMap((folder) =>
    readdirSync(join(projectDir, folder)).map((file) => join(folder, file)),
  )
  for (const file of all.filter((one) => one.endsWith('.md'))) {
    for (const [, path = '', heading] of read(file).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const target = path === '' ? file : join(dirname(file), path)
      assert.ok(existsSync(join(projectDir, target)), `${file}: ${target}`)
      if (heading) assert.ok(headingsOf(read(target)).has(heading), `${file}: ${target}#${heading}`)
    }
  }
})

/** As GitHub names them in links. */
function headingsOf(text: string): Set<string> {
  const headings = text.matchAll(/^#+ (.+)$/gm).map(([, words = '']) => words.toLowerCase())
  return new Set(headings.map((words) => words.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')))
}
