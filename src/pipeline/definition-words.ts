// What is said of a member of a definition that is wrong.
import { z } from 'zod'
import { preview } from '#core/preview.ts'

export const fn = (what: string) =>
  z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', { error: expected(what) })

export const text = (pattern: RegExp, what: string) =>
  z.string({ error: expected(what) }).regex(pattern, { error: expected(what) })

export function expected(what: string) {
  return ({ input }: { readonly input?: unknown }) =>
    input === undefined ? `is missing: ${what}` : `must be ${what}, not ${preview(input)}`
}

export function objectFault({
  code,
  input,
  keys,
}: {
  code?: string
  input?: unknown
  keys?: readonly string[]
}): string {
  if (code === 'unrecognized_keys') return `has the unknown member ${(keys ?? []).map(preview).join(', ')}`
  return expected('an object')({ input })
}
