import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { renderFixes } from '#doctor/render-fixes.ts'
import type { Finding } from '#core/finding.ts'
import { minimalEnvironment } from './environment.ts'
import { projectDir } from './program.ts'

/** A finding's fix as it is printed where all variables come from the environment. */
export function printed({ fixes }: Finding): string {
  return renderFixes(fixes, { envFile: undefined, own: {}, environment: {} })
}

/** Types a fix's lines for psql into it: comments do nothing, a statement ends with its line, unless that is within quotes. */
export async function pasteSql(text: string, run: (statement: string) => Promise<unknown>): Promise<void> {
  const [forPsql = ''] = text.split('\n# then in the shell\n', 1)
  const lines = forPsql.split('\n').filter((line) => !line.startsWith('--'))
  let statement = ''
  for (const part of lines.join('\n').split(/(?<=;$)/m)) {
    statement += part
    if (isWithinQuotes(statement)) continue
    if (statement.trim() !== '') await run(statement)
    statement = ''
  }
}

/** Those of dollars, whose tags are all closed in the end. */
function isWithinQuotes(text: string): boolean {
  const tags = Map.groupBy(text.match(/\$\w+\$/g) ?? [], (tag) => tag)
  return [...tags.values()].some((found) => found.length % 2 === 1)
}

/** What a shell says to pasted lines. */
export interface Shell {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Pastes lines into bash, in the project's folder. */
export async function pasteShell(
  text: string,
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Shell> {
  const child = spawn('bash', ['-c', text], {
    cwd: projectDir,
    env: { ...minimalEnvironment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output.stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output.stderr += chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code] = await once(child, 'close')
  return { code, ...output }
}
