import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { documentedSteps } from './documented-steps.ts'

/** What docs/PIPELINES.md has between its fences, by the comment before each: `file: orders.ts`, `publish: orders`. */
export async function documented(): Promise<ReadonlyMap<string, string>> {
  const steps = await documentedSteps('PIPELINES.md')
  return new Map(steps.map(({ kind, name, text }) => [`${kind}: ${name}`, text]))
}

/** Writes the files of the page into a folder, as its reader does. */
export async function writeDocumented(folder: string): Promise<readonly string[]> {
  const files = [...(await documented())].flatMap(([name, text]) => {
    const [, file] = /^file: (.*)$/.exec(name) ?? []
    return file === undefined ? [] : [{ file, text }]
  })
  for (const { file, text } of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  return files.map(({ file }) => file)
}
