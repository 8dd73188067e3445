import { test } from 'vitest'
import { oneTableLocked } from '../support/beside-locked-table.ts'
import { showSeed } from '../support/seed.ts'
import { startSystem } from '../support/system.ts'

test('the table of one pipeline is locked for a minute: the other goes on as before', async (t) => {
  await using system = await startSystem()
  await oneTableLocked(system, 60, showSeed(t))
})
