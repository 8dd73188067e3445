import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'vitest'
import { completionScript, shells } from './script.ts'

const hostile = `it's "a": $(echo b) \`echo c\` \\d %s * !e`
const offers = [{ word: '--x', description: `${hostile}\nover lines` }]
const choices = ["it's", '$(echo y)']
const node = {
  path: 'ingester',
  commands: [],
  options: offers,
  values: [{ names: ['--x', '-x'], value: choices }],
  arguments: [],
}

for (const shell of shells) {
  test(`${shell} completes descriptions and choices verbatim, one per line`, () => {
    const [tables = ''] = completionScript(shell, [node]).split('\n_ingester()')
    const look = (words: string) =>
      execFileSync('sh', {
        input: `${tables}\n_ingester_look ${words}\nprintf '%s' "$offers"`,
        encoding: 'utf8',
      })
    assert.equal(look('--'), `--x:${hostile} over lines`)
    assert.equal(look("--x ''"), choices.join('\n'))
    assert.equal(look("-x ''"), choices.join('\n'))
  })
}
