import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { freePort } from '#stack/ports.ts'
import type { Stage } from '../support/dockerfile.ts'
import { copiedFromContext, execForm, pairs, readIgnored, readStages } from '../support/dockerfile.ts'
import { projectDir, startProgram } from '../support/program.ts'
import { startSystem, until } from '../support/system.ts'

const stages = readStages()
const last = stages.at(-1) as Stage
const entrypoint = execForm(last, 'ENTRYPOINT') ?? []

/** A folder with what the image has in /app, as the Dockerfile copies it; the packages are a link. */
async function layOut(): Promise<{ readonly app: string } & AsyncDisposable> {
  const app = await mkdtemp(join(tmpdir(), 'image-'))
  const { leftOut } = readIgnored()
  for (const path of copiedFromContext(stages)) {
    await mkdir(dirname(join(app, path)), { recursive: true })
    const filter = (file: string) => !leftOut(relative(projectDir, file))
    await cp(join(projectDir, path), join(app, path), { recursive: true, filter })
  }
  await symlink(join(projectDir, 'node_modules'), join(app, 'node_modules'))
  return { app, [Symbol.asyncDispose]: () => rm(app, { recursive: true }) }
}

/** Starts a command of the image there, with the image's own settings under those that are given. */
function startIn(app: string, command: readonly string[], given: Readonly<Record<string, string>>) {
  const own = Object.entries(pairs(last, 'ENV')).filter(([name]) => name.startsWith('INGESTER_'))
  const [file, ...args] = command
  assert.equal(file, 'node')
  return startProgram(process.execPath, args, { cwd: app, env: { ...Object.fromEntries(own), ...given } })
}

test('the contents of the image suffice to migrate, scan and ingest; it is healthy while it lives, and writes nothing', async () => {
  await using image = await layOut()
  await using system = await startSystem()
  // The packages are those of all tests here, some of which write into their cache.
  const files = async () =>
    (await readdir(image.app, { recursive: true })).filter((path) => !path.startsWith('node_modules/'))
  const before = await files()
  const env = { ...system.env, INGESTER_HTTP_PORT: String(await freePort(0)) }
  const isHealthy = async () => {
    await using check = startIn(image.app, execForm(last, 'HEALTHCHECK') ?? [], env)
    return (await check.ended) === 0
  }

  await using migrate = startIn(image.app, [...entrypoint, 'migrate', 'status', '--json'], env)
  await expect(migrate).toEndWith(0)
  assert.match(migrate.stdout(), /create_scan_results_table/)
  assert.equal(await isHealthy(), false)

  await using ingester = startIn(image.app, [...entrypoint, ...(execForm(last, 'CMD') ?? [])], env)
  await ingester.said(/consuming/)
  assert.equal(await isHealthy(), true)

  const scan = ['node', '--', 'cmd/scanner/main.ts', '--count', '50', '--rate', '0']
  await using scanner = startIn(image.app, scan, env)
  await expect(scanner).toEndWith(0)
  await until(
    () => system.scans(),
    (rows) => rows.length > 0,
  )

  ingester.signal('SIGTERM')
  await expect(ingester).toEndWith(0)
  assert.equal(await isHealthy(), false)
  assert.deepEqual(await files(), before)
})
