import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { OutgoingMessage } from '#pubsub/publisher.ts'
import { projectDir } from './program.ts'

/** A mapping file with all that shows what it does: its table, messages, and what has to come of them in any order. */
export interface MappingCase {
  readonly name: string
  /** The path of its file, as `--pipeline` takes it. */
  readonly path: string
  /** SQL that its owner runs. */
  readonly table: string
  readonly messages: readonly OutgoingMessage[]
  /** A query, and its rows as `psql --csv` prints them. */
  readonly query: string
  readonly rows: string
  /** A line for each message that cannot be stored, sorted; one that ends with … is the beginning of one. */
  readonly deadLetters: readonly string[]
}

export interface ExampleCase extends MappingCase {
  /** As `try --input` takes it. */
  readonly input: string
  /** Whether its lines are objects with all that a message has, not only its data. */
  readonly isEnvelope: boolean
}

/** The folders of examples/. */
export async function exampleCases(): Promise<readonly ExampleCase[]> {
  const entries = await readdir(join(projectDir, 'examples'), { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  return Promise.all(folders.sort().map(exampleCase))
}

async function exampleCase(name: string): Promise<ExampleCase> {
  const folder = join(projectDir, 'examples', name)
  const read = (file: string) => readFile(join(folder, file), 'utf8')
  const file = (await readdir(folder)).find((one) => one.includes('.pipeline.'))
  const lines = linesOf(await read('messages.jsonl'))
  const isEnvelope = lines.every((line) => /^\{"(?:data|json)": /.test(line))
  return {
    name,
    path: join('examples', name, file ?? `${name}.pipeline.yaml`),
    table: await read('table.sql'),
    input: join('examples', name, 'messages.jsonl'),
    isEnvelope,
    messages: lines.map(isEnvelope ? messageOf : (line) => ({ data: Buffer.from(line) })),
    query: await read('rows.sql'),
    rows: await read('expected.csv'),
    deadLetters: linesOf(await read('dead-letters.txt')),
  }
}

/** The lines of a text that are not empty. */
export const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')

function messageOf(line: string): OutgoingMessage {
  const { data, json, ...others } = parseWith(line, withDigits) as EnvelopeLine
  return {
    data: data === undefined ? Buffer.from(JSON.stringify(json)) : Buffer.from(data, 'base64'),
    ...others,
  }
}

type Reviver = (name: string, value: unknown, context: { readonly source?: string }) => unknown

/** TypeScript does not know of `source` and `rawJSON` yet. */
const parseWith = JSON.parse as (text: string, reviver: Reviver) => unknown
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown }

/** A number is published as it is written in the file. */
const withDigits: Reviver = (_, value, { source }) =>
  typeof value === 'number' && source !== undefined ? rawJSON(source) : value

type EnvelopeLine = Omit<OutgoingMessage, 'data'> & { readonly data?: string; readonly json?: unknown }
