import type { Option } from './option.ts'

/** A part of a sentence that the renderer words: the variable of an option, or a command of `bin/ingester`. */
export type Reference = { readonly option: Option } | { readonly command: string }

/** What to do, as a sentence or several; lower case, without a full stop. */
export interface Advice {
  readonly kind: 'advice'
  readonly words: readonly (string | Reference)[]
}

export const option = (name: Option): Reference => ({ option: name })
export const command = (args: string): Reference => ({ command: args })

/** Tag of a template whose values are references, or text as it is. */
export function advice(
  texts: TemplateStringsArray,
  ...values: readonly (string | number | Reference)[]
): Advice {
  const words = texts.flatMap((text, at) => {
    const value = values[at]
    return value === undefined ? [text] : [text, typeof value === 'number' ? String(value) : value]
  })
  return { kind: 'advice', words: words.filter((word) => word !== '') }
}

/** What is wrong, and what to do about it. */
export interface Problem {
  readonly message: string
  readonly fixes: readonly Advice[]
}

/** Renders a problem for users, who set options by names that adapters do not know. */
export type Explain = (problem: Problem) => string

/** Where those names are not known. */
export const withoutFixes: Explain = ({ message }) => message
