// The benchmarks as a user starts them. Runs are in main.long.test.ts and runs.long.test.ts.
import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { startProgram } from '../test/support/program.ts'

// Without the cache it compiles all that it loads, which takes a CPU-second.
const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env

/** The program with an environment of its own. */
const bench = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  startProgram(process.execPath, ['bench/main.ts', ...args], { env: { PATH, NODE_COMPILE_CACHE, ...env } })

describe('the command line', () => {
  test('an unknown benchmark: exit 2, with the available ones', async () => {
    await using program = bench([], { BENCH: 'fastest' })
    await expect(program).toEndWith(2)
    assert.match(program.stderr(), /no bench fastest[^]*new-keys[^]*memory/)
    assert.equal(program.stdout(), '')
  })

  test('--help: usage, and exit 0', async () => {
    for (const file of ['bench/main.ts', 'bench/profile.ts']) {
      await using program = startProgram(process.execPath, [file, '-h'], {
        env: { PATH, NODE_COMPILE_CACHE },
      })
      await expect(program).toEndWith(0)
      assert.match(program.stdout(), /^Examples:\n  make [^]*new-keys[^]*--quick/m)
      assert.equal(program.stderr(), '')
    }
  })

  test('results from a file: the tables are printed, and nothing is measured', async () => {
    await using program = bench(['--from', 'docs/benchmarks/results.json'], { PATH: '/nonexistent' })
    await expect(program).toEndWith(0)
    assert.match(program.stdout(), /New keys[^]*messages\/s/)
    await using wrong = bench(['--from', 'package.json', '--write'])
    await expect(wrong).toEndWith(2)
    assert.match(wrong.stderr(), /--from package\.json: these are no results/)
  })

  test('no redis-server: reported, with the fix', async () => {
    await using program = bench(['--quick'], { BENCH: 'start', RUNS: '1', PATH: '/nonexistent' })
    await expect(program).toEndWith(1)
    assert.match(program.stderr(), /redis-server is not on PATH: .*apt-get install/)
  })
})
