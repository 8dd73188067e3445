// The documentation of the variables, generated from the specification that reads them: the tables of
// docs/CONFIGURATION.md, whose prose is written by hand, and the comments and defaults of .env.demo.
import { crossChecks } from '#config/cross-checks.ts'
import { conflictText } from '#config/fault-text.ts'
import { secretFiles } from '#config/secrets.ts'
import { dependentDefaults, groups, spec } from '#config/spec.ts'
import type { InWords } from '#config/validators.ts'
import type { Documents } from './made-parts.ts'
import { withParts, writeDocuments } from './made-parts.ts'

export const documents: Documents = {
  'docs/CONFIGURATION.md': (text) => withParts('docs/CONFIGURATION.md', text, parts),
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

if (import.meta.main) writeDocuments(documents)
