import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseEnv } from 'node:util'
import { configOf } from '#config/config.ts'
import { secretFiles } from '#config/environment.ts'
import { spec } from '#config/spec.ts'
import { projectDir } from '../support/program.ts'

const read = (file: string) => readFileSync(join(projectDir, file), 'utf8')

test('README and .env.demo name every variable that has an effect, and no other', () => {
  for (const file of ['README.md', '.env.demo']) {
    const named = new Set(read(file).match(/\b(?:INGESTER|PUBSUB)_[A-Z_]+\b/g))
    for (const name of secretFiles) named.delete(name)
    assert.deepEqual([...named].sort(), Object.keys(spec).sort(), file)
  }
})

test('.env.demo is a right configuration, and its commented lines are the defaults', () => {
  const text = read('.env.demo')
  const { config, warnings } = configOf(parseEnv(text))
  assert.deepEqual(warnings, [])
  const withoutFixedDefault =
    /^#INGESTER_(WORKER_COUNT|POSTGRES_POOL_SIZE|TOPICID|SUBSCRIPTIONID|REDIS_PASSWORD)=/
  const uncommented = text
    .split('\n')
    .filter((line) => !withoutFixedDefault.test(line))
    .map((line) => line.replace(/^#(?=[A-Z_]+=)/, ''))
  assert.deepEqual(configOf(parseEnv(uncommented.join('\n'))).config, config)
})

test('README names make targets that there are', () => {
  const makefile = read('Makefile')
  const named = new Set([...read('README.md').matchAll(/\bmake ([a-z]+)\b/g)].map(([, target]) => target))
  assert.ok(named.size > 5)
  const missing = [...named].filter((target) => !new RegExp(`^${target}:`, 'm').test(makefile))
  assert.deepEqual(missing, [])
})

test('every promise in docs/SPEC.md names tests that are there', () => {
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
