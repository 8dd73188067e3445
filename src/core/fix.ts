import type { Advice } from './advice.ts'
import type { Option } from './option.ts'

/** What a person pastes to put something right; the doctor makes text of it that works where it is pasted. */
export type Fix =
  /** Commands for a shell. */
  | { readonly kind: 'shell'; readonly lines: readonly string[] }
  /** Arguments of `bin/ingester`, which are to read the same variables, or those of the tables' owner. */
  | { readonly kind: 'ingester'; readonly command: string; readonly as?: 'owner' }
  /** The project's own servers, where the configured ones do not exist. */
  | { readonly kind: 'stack' }
  /** Manual work, in words; ends with these options and where each is set. */
  | { readonly kind: 'remark'; readonly text: string; readonly options: readonly Option[] }
  | Advice
  /** For psql; statements, each ends with a semicolon. */
  | { readonly kind: 'sql'; readonly as: string; readonly lines: readonly string[] }
  /** Options of the ingester. An empty value: as if it were not set. */
  | { readonly kind: 'setting'; readonly values: Settings }
  /** A secret option: the line prompts for its value, which must not be printed. */
  | { readonly kind: 'secret'; readonly option: Option }
  /** Lines for a file of a server's. */
  | { readonly kind: 'file'; readonly file: string; readonly lines: readonly string[] }

export type Settings = Readonly<Partial<Record<Option, string>>>

export const shell = (...lines: readonly string[]): Fix => ({ kind: 'shell', lines })
export const ingester = (command: string): Fix => ({ kind: 'ingester', command })
export const asOwner = (command: string): Fix => ({ kind: 'ingester', command, as: 'owner' })
export const ownStack: Fix = { kind: 'stack' }
export const remark = (text: string, ...options: readonly Option[]): Fix => ({
  kind: 'remark',
  text,
  options,
})
export const sql = (as: string, ...lines: readonly string[]): Fix => ({ kind: 'sql', as, lines })
export const setting = (values: Readonly<Partial<Record<Option, string | number>>>): Fix => ({
  kind: 'setting',
  values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)])),
})
export const secret = (option: Option): Fix => ({ kind: 'secret', option })
export const inFile = (file: string, ...lines: readonly string[]): Fix => ({ kind: 'file', file, lines })

/** A word that a shell takes as it is. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
