import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { withSeed } from '../../../test/support/seed.ts'
import { seededRandom } from './random.ts'
import { RpcFaults } from './rpc-faults.ts'

const rpc = 'Acknowledge'

function newFaults(seed = 1) {
  const faults = new RpcFaults(seededRandom(seed))
  const next = (count: number, of = rpc) => Array.from({ length: count }, () => faults.next(of).fate)
  return { faults, next }
}

describe('faults of calls', () => {
  test('affect no call until one is requested', () => assert.deepEqual(newFaults().next(2), ['none', 'none']))

  test('affect the given number of calls of the RPC, and of no other', () => {
    const { faults, next } = newFaults()
    faults.dropRequests(rpc, { times: 2 })
    assert.deepEqual(next(1, 'Publish'), ['none'])
    assert.deepEqual(next(4), ['request dropped', 'request dropped', 'none', 'none'])
    faults.dropRequests(rpc, { times: 0 })
    assert.deepEqual(next(1), ['none'])
  })

  test('fail with a status that says why', () => {
    const { faults } = newFaults()
    faults.refuse(rpc, 'RESOURCE_EXHAUSTED', { times: 1 })
    const strike = faults.next(rpc)
    assert.ok(strike.fate === 'refused')
    const { status, message } = strike.status
    assert.deepEqual(
      { status, message },
      { status: 'RESOURCE_EXHAUSTED', message: 'refused on purpose: Acknowledge' },
    )
  })

  test('of one RPC apply in the order of the requests', () => {
    const { faults, next } = newFaults()
    faults.refuse(rpc, 'UNAVAILABLE', { times: 1 })
    faults.dropReplies(rpc, { times: 2 })
    faults.dropRequests(rpc, { times: 1 })
    assert.deepEqual(next(5), ['refused', 'reply dropped', 'reply dropped', 'request dropped', 'none'])
  })

  test('affect all calls, none, or a share of them; the same ones for the same seed', () => {
    withSeed((seed) => {
      const count = 10_000
      const struck = (share: number) => {
        const { faults, next } = newFaults(seed)
        faults.dropReplies(rpc, { share })
        return next(count)
      }
      const times = (share: number) => struck(share).filter((fate) => fate !== 'none').length
      assert.equal(times(1), count)
      assert.equal(times(0), 0)
      const some = times(0.3)
      assert.ok(some > 0.25 * count && some < 0.35 * count, `${some} of ${count}`)
      assert.deepEqual(struck(0.3), struck(0.3))
    })
  })

  test('a share that skips a call leaves it to the next fault', () => {
    const { faults, next } = newFaults()
    faults.refuse(rpc, 'INTERNAL', { share: 0.5 })
    faults.dropRequests(rpc, { share: 1 })
    const fates = next(100)
    assert.deepEqual([...new Set(fates)].sort(), ['refused', 'request dropped'])
  })

  test('end when they are cleared', () => {
    const { faults, next } = newFaults()
    faults.dropRequests(rpc, { share: 1 })
    faults.refuse('Publish', 'UNAVAILABLE', { times: 5 })
    faults.clear()
    assert.deepEqual([...next(2), ...next(2, 'Publish')], ['none', 'none', 'none', 'none'])
  })
})
