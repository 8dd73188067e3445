import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { reportResults, refuseToWrite } from './summary.ts'
import { sampleResults } from './sample-results.ts'
import type { Results } from './results.ts'
import { UsageError } from './cli-options.ts'

const good = sampleResults({ start: { ingester: [{ firstAckSeconds: 1.25 }] } })
const failed: Results = {
  ...good,
  failures: [{ bench: 'start', configuration: 'ingester', round: 2, why: 'the table is wrong' }],
}

async function concluded(results: Results, isKept: boolean, write: boolean) {
  const out = { printed: '', told: '', written: 0 }
  const code = await reportResults(
    results,
    isKept,
    { json: false, write },
    {
      print: (text) => void (out.printed += text),
      report: (text) => void (out.told += text),
      write: async () => {
        out.written += 1
        return ['docs/page.md']
      },
    },
  )
  return { ...out, code }
}

test('results are written where they should be', async () => {
  const { printed, told, written, code } = await concluded(good, true, true)
  assert.match(printed, /first ack, s +1\.25/)
  assert.match(told, /docs\/page\.md/)
  assert.deepEqual([written, code], [1, 0])
})

test('--write writes nothing if a run failed: results are printed, the failure reported, the exit code is 4', async () => {
  const { printed, told, written, code } = await concluded(failed, true, true)
  assert.match(printed, /first ack, s +1\.25/)
  assert.match(told, /the table is wrong[^]*Nothing was written/)
  assert.deepEqual([written, code], [0, 4])
})

test('nothing is written unless requested', async () => {
  assert.equal((await concluded(good, true, false)).written, 0)
})

test('results that could not be stored are still printed and written; the exit code is 1', async () => {
  const { printed, written, code } = await concluded(good, false, true)
  assert.match(printed, /first ack, s +1\.25/)
  assert.deepEqual([written, code], [1, 1])
})

describe('partial results from a file are not written into the document', () => {
  const wrong: readonly (readonly [what: string, refused: Parameters<typeof refuseToWrite>, says: RegExp])[] =
    [
      ['of --quick', [{ ...good, quick: true }, []], /say nothing/],
      ['with runs that failed', [failed, []], /start, ingester, run 2: the table is wrong/],
      ['that was interrupted', [{ ...good, finished: false }, []], /not measured to the end/],
      ['that would drop a benchmark', [good, ['start', 'memory']], /would lose memory\./],
    ]
  for (const [what, refused, says] of wrong) {
    test(what, () => {
      assert.throws(
        () => refuseToWrite(...refused),
        (error) => error instanceof UsageError && says.test(error.message),
      )
    })
  }

  test('but complete ones are', () => refuseToWrite(good, ['start']))
})
