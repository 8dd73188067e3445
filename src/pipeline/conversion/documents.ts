// JSON into json and jsonb: its text, as it is written.

import { jsonTextFault } from '../values/json.ts'
import { valueKinds } from '../json/syntax.ts'
import type { ReadValue } from './json-value.ts'

/** Any value but null, which is NULL: also a string or a number is a document. */
export function documentReader(type: 'json' | 'jsonb'): ReadValue {
  return (kind, bytes, start, end) => {
    if (kind === valueKinds.null) return null
    const isText = kind === valueKinds.plainText || kind === valueKinds.text
    // The quotes belong to the document.
    const text = isText ? bytes.toString('utf8', start - 1, end + 1) : bytes.toString('utf8', start, end)
    return jsonTextFault(text, type) ?? text
  }
}
