// Documents of which a part is generated, between `<!-- made: part -->` and `<!-- end -->`, and the rest written by hand.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** By a file's path in the project's folder, what makes its text of what it was. */
export type Documents = Readonly<Record<string, (text: string) => string>>

/** @throws unless each part has exactly one place in the text */
export function withParts(file: string, text: string, parts: Readonly<Record<string, string>>): string {
  const missing = new Set(Object.keys(parts))
  const rendered = text.replace(/(<!-- made: ([\w-]+) -->\n).*?(<!-- end -->)/gs, (_, open, part, close) => {
    if (!missing.delete(part)) throw new Error(`${file}: ${part} is unknown, or there twice`)
    return `${open}\n${parts[part]}\n\n${close}`
  })
  if (missing.size === 0) return rendered
  throw new Error(`${file} has no <!-- made: --> for ${[...missing].join(', ')}`)
}

export function writeDocuments(documents: Documents): void {
  for (const [file, render] of Object.entries(documents)) {
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
    writeFileSync(path, render(existsSync(path) ? readFileSync(path, 'utf8') : ''))
  }
}
