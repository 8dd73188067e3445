/** What a person pastes to put something right; the doctor makes text of it that works where it is pasted. */
export type Fix =
  /** Commands for a shell. */
  | { readonly kind: 'shell'; readonly lines: readonly string[] }
  /** Arguments of `bin/ingester`, which are to read the same variables, or those of the tables' owner. */
  | { readonly kind: 'ingester'; readonly command: string; readonly as?: 'owner' }
  /** The project's own servers, where those that are configured are not there. */
  | { readonly kind: 'stack' }
  /** What only a person can do; it ends with these variables, and says of each where it comes from. */
  | { readonly kind: 'remark'; readonly text: string; readonly names: readonly string[] }
  /** For psql; statements, each ends with a semicolon. */
  | { readonly kind: 'sql'; readonly as: string; readonly lines: readonly string[] }
  /** Variables of the ingester. An empty value: as if it were not set. */
  | { readonly kind: 'setting'; readonly values: Readonly<Record<string, string>> }
  /** A variable that is asked for, since it is nobody's to print. */
  | { readonly kind: 'secret'; readonly name: string }
  /** Lines for a file of a server's. */
  | { readonly kind: 'file'; readonly file: string; readonly lines: readonly string[] }

export const shell = (...lines: readonly string[]): Fix => ({ kind: 'shell', lines })
export const ingester = (command: string): Fix => ({ kind: 'ingester', command })
export const asOwner = (command: string): Fix => ({ kind: 'ingester', command, as: 'owner' })
export const ownStack: Fix = { kind: 'stack' }
export const remark = (text: string, ...names: readonly string[]): Fix => ({ kind: 'remark', text, names })
export const sql = (as: string, ...lines: readonly string[]): Fix => ({ kind: 'sql', as, lines })
export const setting = (values: Readonly<Record<string, string | number>>): Fix => ({
  kind: 'setting',
  values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)])),
})
export const secret = (name: string): Fix => ({ kind: 'secret', name })
export const inFile = (file: string, ...lines: readonly string[]): Fix => ({ kind: 'file', file, lines })

/** A word that a shell takes as it is. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
