import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectDir } from './program.ts'

/** A block of a page that a test runs, by the comment before it: `<!-- run: stack -->`. */
export interface DocumentedStep {
  /** `file`: it is written; `run`: a shell runs it; what else there is, the test knows. */
  readonly kind: string
  readonly name: string
  readonly text: string
}

/** The marked blocks of a page of docs/, in their order. */
export async function documentedSteps(page: string): Promise<readonly DocumentedStep[]> {
  const text = await readFile(join(projectDir, 'docs', page), 'utf8')
  const blocks = text.matchAll(/^<!-- (\w+): (\S+) -->\n```\w+\n(.*?)^```$/gms)
  return [...blocks].map(([, kind = '', name = '', block = '']) => ({ kind, name, text: block }))
}
