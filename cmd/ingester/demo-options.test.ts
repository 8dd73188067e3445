import assert from 'node:assert/strict'
import { test } from 'vitest'
import { defaultsOf, demoSettings } from './demo-options.ts'

const seed = 7

test('each demo has defaults of its own, under what is given', () => {
  assert.deepEqual(demoSettings({ pipeline: 'scans', seed, late: 0 }), {
    pipeline: 'scans',
    rate: 500,
    duplicates: 10,
    late: 0,
    poison: 1,
    replicas: 1,
    seed,
  })
  assert.deepEqual(demoSettings({ pipeline: 'increments', seed, kills: false, replicas: 1 }), {
    pipeline: 'increments',
    rate: 200,
    duplicates: 20,
    replicas: 1,
    gateways: 3,
    kills: false,
    pauseBroker: 0,
    seed,
  })
  const paused = { pipeline: 'increments', seed, pauseBroker: 5000, for: 20_000 }
  assert.partialDeepStrictEqual(demoSettings(paused), { pauseBroker: 5000 })
  assert.equal(defaultsOf('rate'), '(default: scans 500, increments 200)')
  assert.equal(defaultsOf('late'), '(default: scans 20)')
})

test('an option that a demo has no use for is refused, with those that it has', () => {
  for (const [given, message] of [
    [
      { pipeline: 'increments', late: 0 },
      /^--late has no meaning in the demo of increments, which has --rate, /,
    ],
    [{ pipeline: 'increments', poison: 1 }, /^--poison has no meaning .*--no-kills, --pause-broker$/],
    [
      { pipeline: 'scans', gateways: 2 },
      /^--gateways has no meaning in the demo of scans, which has .*--late/,
    ],
    [{ pipeline: 'scans', kills: false }, /^--no-kills has no meaning in the demo of scans/],
    [{ pipeline: 'scans', pauseBroker: 1 }, /^--pause-broker has no meaning in the demo of scans/],
    [{ pipeline: 'increments', pauseBroker: 1 }, /^--pause-broker must be shorter than --for: /],
    [
      { pipeline: 'increments', pauseBroker: 5000, for: 5000 },
      /^--pause-broker must be shorter than --for: /,
    ],
    [{ pipeline: 'orders' }, /^--pipeline: there is no demo of "orders" \(available: scans, increments\)$/],
    [{ pipeline: 'increments', replicas: 1 }, /^--replicas must be at least 2 where .*--no-kills$/],
  ] as const)
    assert.throws(() => demoSettings({ ...given, seed }), { name: 'ConfigurationError', message })
})
