// What the documents for people at three in the morning name: metrics that are exposed, command lines that are accepted.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { everyCommand, ingesterProgram } from '../../cmd/ingester/program.ts'
import { emptyMetrics } from '../support/measured.ts'
import { projectDir } from '../support/program.ts'

const read = (file: string) => readFileSync(join(projectDir, file), 'utf8')
const documents = ['docs/OPERATIONS.md', 'docs/CONFIGURATION.md', 'docs/CACHE.md']

test('every metric that a document for operators names is exposed, with the suffixes of its type', async () => {
  const metrics = emptyMetrics()
  metrics.observeGateway({ routes: [], acceptedStatus: () => 200, queued: () => 0 })
  const types = [...(await metrics.text()).matchAll(/^# TYPE (\w+) (\w+)$/gm)]
  const exposed = new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`, name] : [name],
    ),
  )
  for (const file of documents) {
    const named = new Set(read(file).match(/\b(?:ingester|process|nodejs)_[a-z_]*[a-z]\b/g))
    // An attribute of redriven messages.
    named.delete('ingester_redrive_count')
    assert.ok(named.size > 0, file)
    assert.deepEqual([...named.difference(exposed)], [], file)
  }
})

/** In code, a line each; without what the shell makes of the rest. */
function commandLines(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.split('\n'))
  const inline = [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/`([^`]+)`/g)].map(
    ([, code = '']) => code,
  )
  return [...blocks, ...inline]
    .map((line) => line.replace(/\s+#.*$/, ''))
    .flatMap((line) => line.split(/ && | \| /))
    .flatMap((line) => /(?:^|\s)bin\/ingester (.*)$/.exec(line)?.[1] ?? [])
}

describe('a command line that a document for operators shows is accepted', () => {
  for (const line of new Set(documents.flatMap((file) => commandLines(read(file))))) {
    test(`bin/ingester ${line}`, () => parsed(line.split(/\s+/)))
  }

  test('there are some, and one with a wrong option would not be', () => {
    assert.ok(commandLines(read('docs/OPERATIONS.md')).length > 10)
    for (const wrong of ['run --env-fil .env', 'dead-letters lst', 'cache bump now', 'dead-letters show x'])
      assert.throws(() => parsed(wrong.split(' ')), { name: 'CommanderError' }, wrong)
  })
})

/** Parsed and not run. */
function parsed(words: readonly string[]): void {
  const program = ingesterProgram()
  for (const command of everyCommand(program)) {
    command.configureOutput({ writeOut: () => {}, writeErr: () => {} })
    if (command.commands.length === 0) command.action(() => {})
  }
  try {
    program.parse(words, { from: 'user' })
  } catch (error) {
    if ((error as { code?: string }).code !== 'commander.helpDisplayed') throw error
  }
}
