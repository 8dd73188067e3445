import { readFileSync } from 'node:fs'
import { join, matchesGlob } from 'node:path'
import { projectDir } from './program.ts'

export interface Instruction {
  readonly keyword: string
  readonly rest: string
}

export interface Stage {
  /** The image or the stage that it begins with. */
  readonly from: string
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

/** A file's lines that say something. */
function linesOf(file: string): string[] {
  const lines = readFileSync(join(projectDir, file), 'utf8').split('\n')
  return lines.filter((line) => line.trim() !== '' && !/^\s*#/.test(line))
}

/** The Dockerfile, as far as this project's own needs it: continued lines, comments, stages. */
export function readStages(): Stage[] {
  const lines = linesOf('Dockerfile')
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
  const stages: (Stage & { readonly instructions: Instruction[] })[] = []
  for (const line of lines) {
    const [, keyword = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (keyword === 'FROM') {
      const [from = '', , name] = rest.split(/\s+/)
      stages.push({ from, name, instructions: [] })
    } else stages.at(-1)?.instructions.push({ keyword, rest })
  }
  return stages
}

/** What the stages take from the project's folder: not from another stage. */
export function copiedFromContext(stages: readonly Stage[]): string[] {
  const copies = stages.flatMap(({ instructions }) => instructions).filter((one) => one.keyword === 'COPY')
  return copies.flatMap(({ rest }) => (rest.startsWith('--from=') ? [] : rest.split(/\s+/).slice(0, -1)))
}

/** `.dockerignore`: first everything is left out, then some of it let in, then some of that left out again. */
export function readIgnored() {
  const [everything, ...rest] = linesOf('.dockerignore')
  const letIn = rest.filter((line) => line.startsWith('!')).map((line) => line.slice(1))
  const patterns = rest.filter((line) => !line.startsWith('!'))
  const leftOut = (path: string) => patterns.some((pattern) => matchesGlob(path, pattern))
  return { everything, letIn, leftOut }
}

/** `["a", "b"]` of ENTRYPOINT, CMD, or HEALTHCHECK's CMD. Undefined: it is there in another form, or not at all. */
export function execForm({ instructions }: Stage, keyword: string): string[] | undefined {
  const { rest } = instructions.findLast((one) => one.keyword === keyword) ?? { rest: '' }
  const [list] = /\[.*\]$/.exec(rest) ?? []
  return list === undefined ? undefined : (JSON.parse(list) as string[])
}

/** `NAME=value` pairs of all ENV, ARG or LABEL instructions; without quotes. */
export function pairs({ instructions }: Stage, keyword: string): Record<string, string> {
  const texts = instructions.filter((one) => one.keyword === keyword).map(({ rest }) => rest)
  const found = texts.join(' ').matchAll(/([\w.]+)=(?:"([^"]*)"|(\S*))/g)
  return Object.fromEntries([...found].map(([, name = '', quoted, bare]) => [name, quoted ?? bare ?? '']))
}
