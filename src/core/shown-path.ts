import { isAbsolute, relative } from 'node:path'

/** A file's path as a person would write it: below the working directory relative to that, elsewhere absolute. */
export function shownPath(path: string): string {
  const below = relative(process.cwd(), path)
  return below.startsWith('..') || isAbsolute(below) ? path : below
}
