// The documentation of the variables, generated from the specification that reads them: the tables of
// docs/CONFIGURATION.md, whose prose is written by hand, and the comments and defaults of .env.demo.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { crossChecks } from '#config/cross-checks.ts'
import { conflictText } from '#config/fault-text.ts'
import { secretFiles } from '#config/secrets.ts'
import { dependentDefaults, groups, spec } from '#config/spec.ts'
import type { InWords } from '#config/validators.ts'

/** Made files, from the project's folder, each with what makes its text of what it was. */
export const documents: Readonly<Record<string, (text: string) => string>> = {
  'docs/CONFIGURATION.md': renderedDocument,
  '.env.demo': renderedExample,
}

type Name = keyof typeof spec

interface Described extends InWords {
  readonly desc: string
  /** Absent: it must be set. Undefined: nothing. */
  readonly default?: never
}

/** Its validator adds the words. */
const described = (name: Name) => spec[name] as unknown as Described

const hasFile = (name: Name) => secretFiles.includes(`${name}_FILE`)

function defaultOf(name: Name): string | undefined {
  const { default: value, write } = described(name)
  return dependentDefaults[name] ?? (value === undefined ? undefined : `\`${write(value)}\``)
}

function row(name: Name): string {
  const { desc, allows } = described(name)
  const missing = Object.hasOwn(spec[name], 'default') ? '–' : '**must be set**'
  const file = hasFile(name) ? ` Or the path of a file that holds it: \`${name}_FILE\`.` : ''
  return `| \`${name}\` | ${defaultOf(name) ?? missing} | ${allows} | ${desc}${file} |`
}

function table(names: readonly string[]): string {
  return ['| variable | default | allowed | |', '|---|---|---|---|', ...(names as Name[]).map(row)].join('\n')
}

const parts: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(groups).map(([group, of]) => [group, table(Object.keys(of))])),
  'cross-checks': crossChecks.map((check) => `- ${conflictText(check)}.`).join('\n'),
}

/** Replaces what stands between `<!-- made: part -->` and `<!-- end -->`. */
function renderedDocument(text: string): string {
  const missing = new Set(Object.keys(parts))
  const rendered = text.replace(/(<!-- made: ([\w-]+) -->\n).*?(<!-- end -->)/gs, (_, open, part, close) => {
    if (!missing.delete(part)) throw new Error(`docs/CONFIGURATION.md: ${part} is unknown, or there twice`)
    return `${open}\n${parts[part]}\n\n${close}`
  })
  if (missing.size === 0) return rendered
  throw new Error(`docs/CONFIGURATION.md has no <!-- made: --> for ${[...missing].join(', ')}`)
}

/** Replaces the comment above each variable, and the default of each that is commented out. */
function renderedExample(text: string): string {
  return text.replace(/(?:^# .*\n)*^(#?)([A-Z_]+)=(.*)$/gm, (_, isDefault, name, value) => {
    const fixed = isDefault ? /^`(.*)`$/.exec(defaultOf(name) ?? '')?.[1] : undefined
    return `${commentOf(name)}\n${isDefault}${name}=${fixed ?? value}`
  })
}

/** In one line; what a person can guess is left out. */
function commentOf(name: Name): string {
  const { desc, allows } = described(name)
  const bounds = /^(\d|disable|trace)/.test(allows) ? ` Allowed: ${allows}.` : ''
  const byHand = dependentDefaults[name] === undefined ? '' : ` Default: ${dependentDefaults[name]}.`
  const file = hasFile(name) ? ` Or the path of a file that holds it: ${name}_FILE.` : ''
  return `# ${desc}${bounds}${byHand}${file}`
}

if (import.meta.main) {
  for (const [file, render] of Object.entries(documents)) {
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
    writeFileSync(path, render(readFileSync(path, 'utf8')))
  }
}
