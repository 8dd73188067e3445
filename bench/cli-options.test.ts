import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { benches, quick } from './benches.ts'
import { Eta, scheduleOf } from './schedule.ts'
import { UsageError, parseOptions, parseProfileOptions } from './cli-options.ts'

type Wrong = readonly (readonly [what: string, argv: string[], env: Record<string, string>, says: RegExp])[]

describe('options', () => {
  test('none: all benchmarks, five times each', () => {
    const { benches: chosen, runs, json, write, quick } = parseOptions([], { BENCH: '', RUNS: '' }, benches)
    assert.equal(chosen.length, benches.length)
    assert.deepEqual({ runs, json, write, quick }, { runs: 5, json: false, write: false, quick: false })
  })

  test('some benchmarks, a given number of times', () => {
    const options = parseOptions(['--json', '--quick'], { BENCH: 'stale, updates', RUNS: '2' }, benches)
    assert.deepEqual(
      options.benches.map(({ name }) => name),
      ['updates', 'stale'],
    )
    assert.equal(options.runs, 2)
    assert.ok(options.json && options.quick)
  })

  const wrong: Wrong = [
    [
      'an unknown benchmark, with the available ones',
      [],
      { BENCH: 'new-keys,fast' },
      /no bench fast\.[^]*new-keys[^]*memory/,
    ],
    ['a bench without a name', [], { BENCH: ',' }, /BENCH=,/],
    ['no runs', [], { RUNS: '0' }, /RUNS=0 is not a whole number/],
    ['half a run', [], { RUNS: '1.5' }, /RUNS=1\.5/],
    ['too many runs', [], { RUNS: '1001' }, /RUNS=1001/],
    ['an unknown option', ['--fast'], {}, /--fast[^]*--quick/],
    ['a benchmark in place of an option', ['new-keys'], {}, /new-keys/],
    ['writing a quick run', ['--write', '--quick'], {}, /--write with --quick/],
    [
      'writing only some benchmarks',
      ['--write'],
      { BENCH: 'new-keys,stale' },
      /BENCH=new-keys,stale: .*would lose the others\.[^]*Leave out BENCH/,
    ],
    ['some benchmarks from a file', ['--from', 'results.json'], { BENCH: 'stale' }, /leave out BENCH/],
    ['a file with a number of runs', ['--from', 'results.json'], { RUNS: '2' }, /leave out BENCH, RUNS/],
    ['a file with --quick', ['--from', 'results.json', '--quick'], {}, /and --quick/],
    ['a file without a name', ['--from', ''], {}, /one file/],
    ['no file', ['--from'], {}, /--from[^]*--from FILE/],
  ]
  for (const [what, argv, env, says] of wrong) {
    test(`rejected, with the reason: ${what}`, () => {
      assert.throws(
        () => parseOptions(argv, env, benches),
        (error) => error instanceof UsageError && says.test(error.message),
      )
    })
  }
})

test('all benchmarks may be written, also those from a file', () => {
  const names = benches.map(({ name }) => name).join(',')
  assert.ok(parseOptions(['--write'], { BENCH: names }, benches).write)
  const { from, write } = parseOptions(['--write', '--from', 'a.json'], { BENCH: '', RUNS: '' }, benches)
  assert.deepEqual({ from, write }, { from: 'a.json', write: true })
})

describe('a profile', () => {
  const backlogsOnly = /There are:\n {2}new-keys(?![^]*(latency|start|memory))/
  test('is of the named benchmark, or of updates', () => {
    const nameOf = (BENCH: string) => parseProfileOptions(['--json'], { BENCH, RUNS: '' }, benches).bench.name
    assert.deepEqual([nameOf('stale'), nameOf('')], ['stale', 'updates'])
  })

  test('every benchmark that can be profiled starts with the ingester', () => {
    for (const { measure, configurations } of benches) {
      if (measure === 'throughput') assert.equal(configurations[0]?.system, 'ingester')
    }
  })

  const wrong: Wrong = [
    ['two benchmarks', [], { BENCH: 'stale,updates' }, /BENCH=stale,updates: .*one bench/],
    ['an unknown bench', [], { BENCH: 'fast' }, /no bench fast/],
    ['latency', [], { BENCH: 'latency' }, backlogsOnly],
    ['start', [], { BENCH: 'start' }, backlogsOnly],
    ['memory', [], { BENCH: 'memory' }, backlogsOnly],
    ['several runs', [], { RUNS: '1' }, /RUNS/],
    ['writing', ['--write'], {}, /Options: --json, --quick/],
    ['a file', ['--from', 'results.json'], {}, /Options: --json, --quick/],
    ['an unknown option', ['--fast'], {}, /--fast[^]*Options: --json, --quick/],
  ]
  for (const [what, argv, env, says] of wrong) {
    test(`rejected, with the reason: ${what}`, () => {
      assert.throws(
        () => parseProfileOptions(argv, env, benches),
        (error) => error instanceof UsageError && says.test(error.message),
      )
    })
  }
})

describe('the schedule', () => {
  const some = benches.filter(({ name }) => name === 'new-keys' || name === 'growth-table')
  const [first] = some.map(({ configurations }) => configurations)
  assert.ok(first)

  test('configurations take turns, and each round starts with a different one', () => {
    const turns = scheduleOf(some, 3).filter(({ bench }) => bench.name === 'new-keys')
    assert.equal(turns.length, 3 * first.length)
    const firstOfRound = [0, first.length, 2 * first.length].map((at) => turns[at]?.configuration)
    assert.deepEqual(firstOfRound, first.slice(0, 3))
    for (const configuration of first) {
      const own = turns.filter((turn) => turn.configuration === configuration)
      assert.deepEqual(
        own.map(({ round }) => round),
        [1, 2, 3],
      )
    }
  })

  test('long runs are repeated no more often than allowed', () => {
    const turns = scheduleOf(some, 5).filter(({ bench }) => bench.name === 'growth-table')
    assert.equal(turns.length, 2 * (some[1]?.configurations.length ?? Number.NaN))
  })

  test('the remaining time is what was measured, or else the estimate at the pace so far', () => {
    const turns = scheduleOf(some, 1).slice(0, 3)
    const eta = new Eta()
    const guessed = turns.map(({ configuration }) => configuration.guessSeconds)
    const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)
    assert.equal(eta.of(turns), sum(guessed))
    const [one] = turns
    assert.ok(one)
    eta.took(one, 2 * one.configuration.guessSeconds)
    assert.equal(eta.of(turns), 2 * sum(guessed))
  })
})

test('every benchmark has its own name, and so do its configurations, also with a hundredth of the messages', () => {
  assert.equal(new Set(benches.map(({ name }) => name)).size, benches.length)
  for (const { configurations } of [...benches, ...benches.map(quick)]) {
    assert.equal(new Set(configurations.map(({ name }) => name)).size, configurations.length)
    for (const { workload } of configurations) {
      assert.ok(workload.messages > workload.warmUp && Number.isInteger(workload.messages))
      if (workload.kind === 'updates' || workload.kind === 'hot keys') assert.ok(workload.tableRows > 100)
    }
  }
})
