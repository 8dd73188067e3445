// Runs the tests: `node tools/test.mjs [file or part of a path …]`, without arguments all of them.
//
// Each file in its own process, three at a time: much of their time they wait. With CI=true a skipped test fails the run: there, nothing that a
// test needs may be missing, except the official Pub/Sub emulator (files and skip reasons that name it).
import { globSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const root = resolve(import.meta.dirname, '..')
const wanted = process.argv.slice(2)
const files = globSync('{src,cmd,test,bench}/**/*.test.ts', { cwd: root })
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part.replace(/^\.\//, ''))))
  .map((file) => resolve(root, file))
  .sort()
if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(' ')}.`)
  process.exit(2)
}

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopping.abort())
// A time-out ends a test; a file whose tests are over, but which left something open, would be waited for for ever.
const limit = AbortSignal.timeout(45 * 60_000)
limit.addEventListener('abort', () => console.error('The tests have taken 45 minutes: stopped.'))

// Hundreds of processes compile the same files.
process.env.NODE_COMPILE_CACHE ??= resolve(root, 'node_modules/.cache/compiled')

const skipped = []
const excepted = /official[- ]emulator/i

run({ files, cwd: root, concurrency: 3, timeout: 180_000, signal: AbortSignal.any([stopping.signal, limit]) })
  .on('test:fail', ({ todo }) => {
    if (todo === undefined) process.exitCode = 1
  })
  .on('test:pass', ({ name, file, skip, todo }) => {
    if ((skip ?? todo) === undefined || excepted.test(`${file} ${name} ${skip}`)) return
    skipped.push(`${relative(root, file ?? '')}: ${name}`)
  })
  .on('end', () => {
    if (process.env.CI !== 'true' || skipped.length === 0) return
    process.exitCode = 1
    console.error(`\nSkipped under CI=true, which counts as failed:\n  ${skipped.join('\n  ')}`)
  })
  .compose(spec)
  .pipe(process.stdout)
