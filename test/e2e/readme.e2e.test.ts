// The commands of README and of the pages that a newcomer reads next, line by line in their order, in a copy of the project
// that holds what a clone does; then those in running text. One that is not known here fails the test: it must be said how
// it is run.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdtempDisposable, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { storeDeadLetters } from '../support/dead-letters.ts'
import type { Program } from '../support/program.ts'
import { projectDir, startProgram } from '../support/program.ts'
import { startSystem } from '../support/system.ts'
import { onTerminal } from '../support/terminal.ts'

type Way =
  /**
   * Runs until Ctrl-C, which comes at the end of its block, or before the stack it needs goes down. One that has to
   * have a certain port may end with 2 instead and these words, which tell its user what to do.
   */
  | { readonly kind: 'service'; readonly ready: RegExp; readonly orPortTaken: RegExp | undefined }
  /** Ends by itself, with 0, and says so. */
  | { readonly kind: 'command'; readonly says: RegExp; readonly key?: string }
  /** Cannot be run here. */
  | { readonly kind: 'left'; readonly why: string }

const service = (ready: RegExp, orPortTaken?: RegExp): Way => ({ kind: 'service', ready, orPortTaken })
const command = (says: RegExp, key?: string): Way =>
  key === undefined ? { kind: 'command', says } : { kind: 'command', says, key }
const left = (why: string): Way => ({ kind: 'left', why })

const inDocker = left('needs Docker; compose file and Dockerfile have tests of their own')

/** The first that matches a line says how it is run. */
const ways: readonly (readonly [line: RegExp, way: Way])[] = [
  [/^make test\b/, left('it is what runs this test')],
  [/docker/, inDocker],
  [/^(npm install |npx ingester )/, left('of the package, which is installed by a test of its own')],
  [
    /^bin\/ingester (init|check|try|run --pipeline) /,
    left('a test runs them as the tutorial of docs/MAPPING.md'),
  ],
  [/^make bench\b/, left('measures for minutes, on a quiet machine; a small run is a test of its own')],
  [/^bin\/ingester run --env-file \.env\.demo$/, left('takes the place of a container')],
  [/ --help$/, command(/^Examples:/)],
  [/^make demo( ARGS=(--logs|"--pipeline increments"))?$/, service(/ready after/)],
  [/^make dev$/, command(/INGESTER_POSTGRES_PORT=\d+/)],
  [/^make down$/, command(/stopped/)],
  [/^bin\/ingester stack status --write \.env\.local$/, command(/written to \.env\.local/)],
  [/^bin\/ingester stack status --write owner\.env --owner$/, command(/written to owner\.env/)],
  [/^make psql$/, command(/scan_results/)],
  [/^(INGESTER_HTTP_PORT=0 )?bin\/ingester run /, service(/ready after|"consuming"/)],
  [
    /^bin\/ingester gateway /,
    service(/ready after|"url"/, /the gateway's address .*EADDRINUSE.*INGESTER_GATEWAY_PORT/),
  ],
  [/^bin\/scanner\b/, service(/publishing to scan-topic/)],
  [/^bin\/ingester demo .*--for .* --json$/, command(/"converged":true/)],
  [/^bin\/ingester migrate up /, command(/^(applied {2}\d{6}_|up to date)/m)],
  [/^bin\/ingester cache bump /, command(/epoch/)],
  [/^bin\/ingester doctor /, command(/✓/)],
  [/^bin\/ingester dead-letters list /, command(/refused-by-database/)],
  [/^bin\/ingester dead-letters show /, command(/dead letter 12/)],
  [/^bin\/ingester dead-letters redrive .*--dry-run/, command(/would be published/)],
  [/^bin\/ingester dead-letters redrive /, command(/published 1/, 'y')],
  [/^bin\/ingester dead-letters discard /, command(/discarded 2/, 'y')],
  [/^bin\/ingester why --pipeline /, left('a test of its own runs them, of pipelines that count once')],
  [/^bin\/ingester why /, command(/stored/)],
  [
    /^bin\/ingester emulator /,
    service(
      /PUBSUB_EMULATOR_HOST=/,
      /the emulator cannot listen there: .*EADDRINUSE.*; .*choose another --port/,
    ),
  ],
  [/^eval "\$\(bin\/ingester completion bash\)"/, command(/^$/)],
]

const pages = ['README.md', 'docs/GETTING-STARTED.md', 'docs/DEAD-LETTERS.md', 'docs/CACHE.md']
const texts = await Promise.all(pages.map((page) => readFile(join(projectDir, page), 'utf8')))
const text = texts.join('\n')

/** Of each block its lines, without remarks. One that only repeats what others had is left out. */
function blocksOf(language: string): string[][] {
  const seen = new Set<string>()
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))]
  return blocks
    .map(([, block = '']) => block.split('\n').map((line) => line.replace(/\s+# .*$/, '').trim()))
    .map((lines) => lines.filter((line) => line !== ''))
    .filter((lines) => {
      const isNew = lines.some((line) => !seen.has(line))
      for (const line of lines) seen.add(line)
      return isNew
    })
}

/** What stands in its text and can be typed, each once. */
const inText = new Set(
  [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/`([^`]+)`/g)]
    .map(([, code = '']) => code.replaceAll(/\s+/g, ' '))
    .filter((code) => /^((INGESTER|PUBSUB)_\w+=\S* )*(make |bin\/|node_modules\/|docker )/.test(code)),
)

function wayOf(line: string): Way {
  const [, way] = ways.find(([pattern]) => pattern.test(line)) ?? []
  assert.ok(way, `a page has a command that nothing is known of: ${line}`)
  return way
}

test('every file that a command names exists', () => {
  const lines = [...blocksOf('sh').flat(), ...inText]
  assert.ok(inText.size > 8 && lines.length > 30)
  for (const line of lines) {
    wayOf(line)
    const named = line
      .split(/[\s"()$=]+/)
      .filter((word) => /^(\.env\.demo$|(bin|bench|test|tools|src|docs)\/)/.test(word))
    for (const file of named) assert.ok(existsSync(join(projectDir, file)), `${line}: there is no ${file}`)
  }
})

test('each of its commands does what it should', async () => {
  await using system = await startSystem({ INGESTER_LOG_OUTPUT: 'console' })
  await using folder = await mkdtempDisposable(join(tmpdir(), 'readme-'))
  await prepare(folder.path, system.env)
  await system.sql.query(`INSERT INTO scan_results VALUES ('1.1.1.7', 443, 'HTTP', 'hello', now())`)
  await storeDeadLetters(
    system,
    Array.from({ length: 14 }, () => ({ reason: 'refused-by-database' })),
  )
  const clone = {
    cwd: folder.path,
    env: {
      XDG_RUNTIME_DIR: folder.path,
      PATH: pathWith(folder.path),
      SHELL: '/bin/bash',
      // The project's cache would keep what is compiled of every clone.
      NODE_COMPILE_CACHE: join(folder.path, '.compiled'),
    },
  }
  // Another process may have the admin server's port; the other ports move automatically.
  const environment = { ...clone, env: { ...clone.env, INGESTER_HTTP_PORT: '0' } }
  using _ = endOfStack(clone)

  for (const block of blocksOf('sh')) {
    await using services = new Services()
    for (const line of block) {
      const way = wayOf(line)
      if (line === 'make down') await services.stop()
      if (way.kind === 'service') await services.start(line, way, environment)
      if (way.kind === 'command') await typeCommand(line, way, environment)
    }
    await services.stop()
  }
  for (const block of blocksOf('sql')) await system.sql.query(block.join('\n'))

  await using services = new Services()
  const typed = [...inText].filter((line) => !blocksOf('sh').flat().includes(line))
  const [demos, others] = [typed.filter(isDemo), typed.filter((line) => !isDemo(line))]
  assert.ok(demos.length > 0 && others.length > 0)
  for (const line of demos) {
    const way = wayOf(line)
    if (way.kind === 'service') await services.start(line, way, environment)
  }
  // Where no emulator is named the scanner would look for Google's service.
  const withEmulator = {
    ...clone,
    env: { ...clone.env, PUBSUB_EMULATOR_HOST: system.stack.pubsub?.emulatorHost ?? '' },
  }
  for (const line of others) {
    const way = wayOf(line)
    if (way.kind === 'service') await services.start(line, way, line === 'bin/scanner' ? withEmulator : clone)
    if (way.kind === 'command') await typeCommand(line, way, clone)
  }
  await services.stop()
})

const isDemo = (line: string) => line.startsWith('make demo')

/** What was left in the background ends, whatever happens. */
function endOfStack({ cwd, env }: ShellEnvironment): Disposable {
  const end = () => {
    spawnSync(join(cwd, 'bin/ingester'), ['stack', 'down'], { cwd, env, timeout: 20_000 })
    process.off('exit', end)
  }
  process.once('exit', end)
  return { [Symbol.dispose]: end }
}

interface ShellEnvironment {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** What a clone has, the packages that it has installed, and the `.env` of a user who has PostgreSQL, Redis and a topic. */
async function prepare(folder: string, env: Readonly<Record<string, string>>): Promise<void> {
  for (const part of [
    'bin',
    'cmd',
    'src',
    'db',
    'tools',
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
  await writeFile(join(folder, 'psql'), '#!/bin/sh\n[ "$1" = -d ] && echo "scan_results of $2"\n', {
    mode: 0o755,
  })
}

const pathWith = (folder: string) => [process.env['PATH'], folder].join(delimiter)

async function typeCommand(
  line: string,
  { says, key }: Extract<Way, { kind: 'command' }>,
  environment: ShellEnvironment,
): Promise<void> {
  // The one that `stack status` wrote names the servers of a stack that is down by now.
  if (line.includes('cache bump')) await cp(join(environment.cwd, '.env'), join(environment.cwd, 'owner.env'))
  // A person would type the statement that the page has beside it.
  const typed = line === 'make psql' ? `echo '\\dt scan_results' | ${line}` : shorter(line)
  const { code, seen } = await onTerminal(typed, { key, ...environment })
  assert.equal(code, 0, `${line}\n${seen}`)
  assert.match(seen, says, line)
}

/** A demo with the same options, but less load than its page gives it: whether it converges does not depend on how much. */
const shorter = (line: string) =>
  line.replace(/(?<= --for )[1-9]\d*s(?= |$)/, '2s').replace(/(?<= --rate )[1-9]\d*(?= |$)/, '500')

/** Those that run until Ctrl-C. */
class Services implements AsyncDisposable {
  readonly #running: { line: string; program: Program }[] = []

  async start(
    line: string,
    { ready, orPortTaken }: Extract<Way, { kind: 'service' }>,
    { cwd, env }: ShellEnvironment,
  ): Promise<void> {
    const program = startProgram('bash', ['-c', `exec env ${line}`], { cwd, env })
    this.#running.push({ line, program })
    try {
      await program.said(ready)
    } catch (error) {
      if (!orPortTaken) throw error
      await expect(program).toEndWith(2)
      assert.match(program.stderr(), orPortTaken, line)
      this.#running.pop()
    }
  }

  /** The last one first. */
  async stop(): Promise<void> {
    for (const { line, program } of this.#running.splice(0).reverse()) {
      program.signalGroup('SIGINT')
      // Make waits for what it runs, and then exits as if ended by Ctrl-C.
      const end = line.startsWith('make ') ? 'SIGINT' : 0
      await expect(program).toEndWith(end)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { program } of this.#running) await program[Symbol.asyncDispose]()
  }
}
