// Which Node.js the programs run with, tried in a small project of its own whose packages are as bad as they may be.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, mkdtempDisposable, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { projectDir } from '../support/program.ts'

/** What is at node_modules/.bin/node. */
type Installed = 'works' | 'was not installed' | 'does not run here' | 'no packages at all'

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs bin/ingester there; it prints the Node.js that runs it. */
async function run(installed: Installed, onPath: string | undefined): Promise<Outcome> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'node-'))
  const at = (...parts: string[]) => join(folder.path, ...parts)
  await cp(join(projectDir, 'bin'), at('bin'), { recursive: true })
  await mkdir(at('cmd/ingester'), { recursive: true })
  const main = `console.log(process.execPath, '__proto__' in {}, process.argv.slice(2).join())`
  await writeFile(at('cmd/ingester/main.ts'), main)
  if (installed !== 'no packages at all') await mkdir(at('node_modules/.bin'), { recursive: true })
  // As npm leaves it: a link, to nothing where the install script was not run.
  const own = at('node_modules/.bin/node')
  if (installed === 'works') await symlink(process.execPath, own)
  if (installed === 'was not installed') await symlink('../node/bin/node', own)
  if (installed === 'does not run here') await executable(own, '#!/lib/ld-of-another-system\n')
  await mkdir(at('path'))
  for (const tool of ['dirname', 'readlink']) await executable(at('path', tool), toolScript(tool))
  if (onPath === 'good') await executable(at('path/node'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`)
  else if (onPath !== undefined) await executable(at('path/node'), `#!/bin/sh\necho ${onPath}\n`)
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  execFile(at('bin/ingester'), ['--env-file', 'x'], { env: { PATH: at('path') } }, (error, stdout, stderr) =>
    resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
  )
  return await promise
}

async function executable(file: string, text: string): Promise<void> {
  await writeFile(file, text)
  await chmod(file, 0o755)
}

const toolScript = (name: string) => `#!/bin/sh\nPATH=/usr/bin:/bin exec ${name} "$@"\n`

for (const [installed, onPath] of [
  ['works', undefined],
  ['works', 'v20.20.2'],
  ['was not installed', 'good'],
  ['does not run here', 'good'],
] as const) {
  test(`the installed Node.js ${installed}, the one on PATH is ${onPath}: the program runs, without __proto__`, async () => {
    const { code, stdout, stderr } = await run(installed, onPath)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, / false --env-file,x\n$/)
  })
}

for (const [installed, onPath, says] of [
  ['was not installed', undefined, /scripts\n?.*and there is none on PATH\. Run `npm rebuild node` in \//s],
  ['was not installed', 'v20.20.2', /the one on PATH is 20\. Run `npm rebuild node` in \/.*or install Node/s],
  ['does not run here', undefined, /does not run on this system.*musl.*none on PATH\. Install Node\.js 24/s],
  [
    'does not run here',
    'v22.18.0',
    /does not run on this system.*the one on PATH is 22\. Install Node\.js 24/s,
  ],
  ['no packages at all', 'good', /not installed\. Run `npm ci` in \//],
] as const) {
  test(`the installed Node.js: ${installed}, the one on PATH: ${onPath}: exit 2, and what to do`, async () => {
    const { code, stdout, stderr } = await run(installed, onPath)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, says)
  })
}
