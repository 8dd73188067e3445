import assert from 'node:assert/strict'
import { test } from 'vitest'
import { benches } from './benches.ts'
import { benchHelp, profileHelp } from './help.ts'

for (const [what, help] of [
  ['bench', benchHelp()],
  ['profile', profileHelp()],
] as const) {
  test(`${what}: its help fits a terminal of 80 columns and 24 rows`, () => {
    const lines = help.split('\n')
    assert.ok(lines.length <= 24, `${lines.length}`)
    for (const line of lines) assert.ok(line.length <= 80, line)
  })
}

test('every benchmark and every option is listed', () => {
  for (const { name } of benches) assert.match(benchHelp(), new RegExp(`^  ${name} `, 'm'))
  for (const option of ['json', 'write', 'from', 'quick'])
    assert.match(benchHelp(), new RegExp(`^  --${option} `, 'm'))
})
