import { test } from 'vitest'
import { oneTableLocked } from '../support/beside-locked-table.ts'
import { showSeed } from '../support/seed.ts'
import { startSystem } from '../support/system.ts'

test('the table of one pipeline is locked for a minute: the other goes on as before', async (t) => {
  await using system = await startSystem()
  const { beforeMs, besideMs } = await oneTableLocked(system, 60, showSeed(t))
  void t.annotate(
    `median from publishing to the row: ${beforeMs.toFixed()} ms before, ${besideMs.toFixed()} ms beside the lock`,
  )
})
