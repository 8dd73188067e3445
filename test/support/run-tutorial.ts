import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import type { DocumentedStep } from './documented-steps.ts'
import { runToEnd, startProgram } from './program.ts'
import { connectByServiceFile } from './service-file.ts'
import { until } from './system.ts'

/** What the steps printed, by their names; of SQL the rows. */
export interface TutorialOutputs {
  readonly printed: ReadonlyMap<string, string>
  readonly rows: ReadonlyMap<string, readonly object[]>
}

/**
 * Does what a tutorial says, one step after the other: writes its files, runs its commands in a shell, and its SQL as the owner of
 * the tables; and compares what it shows of their output. What it has started is stopped in the end.
 *
 * @param command what stands for `npx ingester`
 * @param isLast whether a query has the rows that it has in the end: what was published arrives a little later
 */
export async function runTutorial(
  steps: readonly DocumentedStep[],
  { cwd, command, env }: { cwd: string; command: string; env: Readonly<Record<string, string>> },
  isLast: (name: string, rows: readonly object[]) => boolean,
): Promise<TutorialOutputs> {
  const printed = new Map<string, string>()
  const rows = new Map<string, readonly object[]>()
  const shell = (text: string) =>
    startProgram('/bin/sh', ['-ec', text.replaceAll('npx ingester', command)], { cwd, env })
  await using resources = new AsyncDisposableStack()
  resources.defer(async () => void (await runToEnd(shell('npx ingester stack down'))))
  for (const { kind, name, text } of steps) {
    if (kind === 'file') await writeFile(join(cwd, name), text)
    else if (kind === 'output') assertPrinted(printed.get(name) ?? '', text)
    else if (kind === 'background') await resources.use(shell(`exec ${text}`)).said(/admin +http/)
    else if (kind === 'sql') {
      const { stdout } = await runToEnd(shell('npx ingester stack status --service-file'))
      const client = await connectByServiceFile(stdout.trim())
      const query = async () => (await client.query<pg.QueryResultRow>(text)).rows
      try {
        rows.set(name, await until(query, (found) => isLast(name, found)))
      } finally {
        await client.end()
      }
    } else {
      const { code, stdout, stderr } = await runToEnd(shell(text))
      assert.equal(code, kind === 'rejecting' ? 4 : 0, `${name}: ${stdout}${stderr}`)
      printed.set(name, stdout)
    }
  }
  return { printed, rows }
}

/** Blanks at the ends of lines do not show. */
function assertPrinted(printed: string, shown: string): void {
  const text = printed.replaceAll(/ +$/gm, '')
  assert.ok(text.includes(shown.trimEnd()), `${text}\nhas no\n${shown}`)
}
