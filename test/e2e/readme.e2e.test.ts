// README's commands, as they stand there, line by line in its order, in a copy of the project that holds what a clone
// does. A line that is not known here fails the test: somebody has to say how it is run.
import assert from 'node:assert/strict'
import { cp, mkdtempDisposable, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { storeLetters } from '../support/dead-letters.ts'
import type { Program } from '../support/program.ts'
import { projectDir, startProgram } from '../support/program.ts'
import { startSystem } from '../support/system.ts'
import { onTerminal } from '../support/terminal.ts'

type Way =
  /** Runs until Ctrl-C, which comes at the end of its block, or before the stack it needs goes down. */
  | { readonly kind: 'service'; readonly ready: RegExp }
  /** Ends by itself, with 0, and says so. */
  | { readonly kind: 'command'; readonly says: RegExp; readonly key?: string }
  /** Cannot be run here. */
  | { readonly kind: 'left'; readonly why: string }

const service = (ready: RegExp): Way => ({ kind: 'service', ready })
const command = (says: RegExp, key?: string): Way =>
  key === undefined ? { kind: 'command', says } : { kind: 'command', says, key }
const left = (why: string): Way => ({ kind: 'left', why })

const inDocker = left('needs Docker; compose file and Dockerfile have tests of their own')

/** The first that matches a line says how it is run. */
const ways: readonly (readonly [line: RegExp, way: Way])[] = [
  [/^make test$/, left('it is what runs this test')],
  [/docker/, inDocker],
  [/^make demo$/, service(/ready after/)],
  [/^make dev$/, command(/INGESTER_POSTGRES_PORT=\d+/)],
  [/^make down$/, command(/ended/)],
  [/^make psql$/, command(/scan_results/)],
  [/^bin\/ingester run /, service(/ready after|"consuming"/)],
  [/^bin\/scanner /, service(/publishing to scan-topic/)],
  [/^bin\/ingester demo --for .* --json$/, command(/"converged":true/)],
  [/^bin\/ingester migrate up /, command(/./)],
  [/^bin\/ingester cache bump /, command(/epoch/)],
  [/^bin\/ingester doctor /, command(/✓/)],
  [/^bin\/ingester dead-letters list /, command(/refused-by-database/)],
  [/^bin\/ingester dead-letters show /, command(/dead letter 12/)],
  [/^bin\/ingester dead-letters redrive .*--dry-run/, command(/would be published/)],
  [/^bin\/ingester dead-letters redrive /, command(/published 1/, 'y')],
  [/^bin\/ingester dead-letters discard /, command(/discarded 2/, 'y')],
  [/^bin\/ingester why /, command(/stored/)],
  [/^bin\/ingester emulator /, service(/PUBSUB_EMULATOR_HOST=/)],
  [/^eval "\$\(bin\/ingester completion bash\)"/, command(/^$/)],
]

const readme = await readFile(join(projectDir, 'README.md'), 'utf8')

/** Of each block its lines, without remarks. */
const blocksOf = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block = '']) =>
    block
      .split('\n')
      .map((line) => line.replace(/\s+# .*$/, '').trim())
      .filter((line) => line !== ''),
  )

function wayOf(line: string): Way {
  const [, way] = ways.find(([pattern]) => pattern.test(line)) ?? []
  assert.ok(way, `README has a command that nothing is known of: ${line}`)
  return way
}

test('each of its commands does what it is there for', async () => {
  await using system = await startSystem({ INGESTER_LOG_OUTPUT: 'console' })
  await using folder = await mkdtempDisposable(join(tmpdir(), 'readme-'))
  await prepare(folder.path, system.env)
  await system.sql.query(`INSERT INTO scan_results VALUES ('1.1.1.7', 443, 'HTTP', 'hello', now())`)
  await storeLetters(
    system,
    Array.from({ length: 14 }, () => ({ reason: 'refused-by-database' })),
  )
  const surroundings = {
    cwd: folder.path,
    env: { TMPDIR: folder.path, PATH: pathWith(folder.path), SHELL: '/bin/bash' },
  }

  for (const block of blocksOf('sh')) {
    await using services = new Services()
    for (const line of block) {
      const way = wayOf(line)
      if (line === 'make down') await services.stop()
      if (way.kind === 'service') await services.start(line, way.ready, surroundings)
      if (way.kind === 'command') await runToEnd(line, way, surroundings)
    }
    await services.stop()
  }
  for (const block of blocksOf('sql')) await system.sql.query(block.join('\n'))
})

interface Surroundings {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** What a clone has, the packages that it has installed, and the `.env` of somebody who has PostgreSQL, Redis and a topic. */
async function prepare(folder: string, env: Readonly<Record<string, string>>): Promise<void> {
  for (const part of [
    'bin',
    'cmd',
    'src',
    'db',
    'Makefile',
    'package.json',
    'package-lock.json',
    '.env.demo',
  ]) {
    await cp(join(projectDir, part), join(folder, part), { recursive: true, preserveTimestamps: true })
  }
  await symlink(join(projectDir, 'node_modules'), join(folder, 'node_modules'))
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(join(folder, '.env'), lines.join(''))
  // PostgreSQL's client is not among what the project brings. Where there is none, this stands in for it.
  await writeFile(join(folder, 'psql'), '#!/bin/sh\necho "scan_results of $1"\n', { mode: 0o755 })
}

const pathWith = (folder: string) => [process.env['PATH'], folder].join(delimiter)

async function runToEnd(
  line: string,
  { says, key }: Extract<Way, { kind: 'command' }>,
  surroundings: Surroundings,
): Promise<void> {
  // A person would type the statement that README has beside it.
  const typed = line === 'make psql' ? `echo '\\dt scan_results' | ${line}` : line
  const { code, seen } = await onTerminal(typed, { key, ...surroundings })
  assert.equal(code, 0, `${line}\n${seen}`)
  assert.match(seen, says, line)
}

/** Those that run until Ctrl-C. */
class Services implements AsyncDisposable {
  readonly #running: { line: string; program: Program }[] = []

  async start(line: string, ready: RegExp, { cwd, env }: Surroundings): Promise<void> {
    const program = startProgram('bash', ['-c', `exec ${line}`], { cwd, env })
    this.#running.push({ line, program })
    await program.said(ready)
  }

  /** The last one first. */
  async stop(): Promise<void> {
    for (const { line, program } of this.#running.splice(0).reverse()) {
      program.signalGroup('SIGINT')
      // Make waits for what it runs, and then ends as somebody whom Ctrl-C has ended.
      const end = line.startsWith('make ') ? 'SIGINT' : 0
      assert.equal(await program.ended, end, `${line}\n${program.stderr()}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { program } of this.#running) await program[Symbol.asyncDispose]()
  }
}
