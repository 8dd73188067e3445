import type { ShownValue } from './shown.ts'

/** Where a variable stands whose value is that of an env file. */
export interface Place {
  readonly file: string
  readonly line: number
}

/** What is wrong about one variable, a file, or a line of one. {@link faultText} makes text of it. */
export type Fault = Missing | Malformed | Conflict | Unreadable | Syntax

/** It has to be set, and is not. */
export interface Missing {
  readonly kind: 'missing'
  readonly variable: string
  readonly example: string
}

/** A value that breaks its rule. */
export interface Malformed {
  readonly kind: 'malformed'
  readonly variable: string
  /** Of a secret's file, where it may be repeated. */
  readonly path?: string | undefined
  /** What the value has to be: the end of a sentence about the variable. */
  readonly rule: string
  /** As far as it may be repeated. */
  readonly value?: ShownValue | undefined
  /** In what way the rule is broken, where the value does not show it. */
  readonly reason?: string | undefined
  readonly advice?: string | undefined
  /** The variable that the value was meant for. */
  readonly belongsIn?: string | undefined
  readonly place?: Place | undefined
}

/** Values that are valid each, and not together. */
export interface Conflict {
  readonly kind: 'conflict'
  readonly variable: string
  readonly others: readonly string[]
  /** What has to hold: the end of a sentence about the variable, which names the others. */
  readonly rule: string
  readonly advice?: string | undefined
  readonly place?: Place | undefined
}

/** A file that does not exist or is not text, or a secret that contains something that is not part of one. */
export interface Unreadable {
  readonly kind: 'unreadable'
  /** That which names the file; undefined: the file is the env file. */
  readonly variable?: string | undefined
  /** Where it may be repeated. */
  readonly path?: string | undefined
  readonly code?: string | undefined
  readonly problem: string
  readonly advice?: string | undefined
  readonly place?: Place | undefined
}

/** A line of an env file that assigns nothing. */
export interface Syntax {
  readonly kind: 'syntax'
  readonly place: Place
  readonly problem: string
  readonly advice?: string | undefined
}

/** A name that is set and does nothing: no fault, since others may have set it for themselves. */
export interface UnknownVariable {
  readonly kind: 'unknown'
  readonly variable: string
  /** A variable whose name is nearly the same. */
  readonly meant?: string | undefined
  readonly place?: Place | undefined
}
