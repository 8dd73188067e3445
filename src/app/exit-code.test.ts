import assert from 'node:assert/strict'
import { test } from 'vitest'
import { ConfigurationError, UnreachableError } from '#core/command-error.ts'
import { endingOf } from './exit-code.ts'

test('the error that ends a command has no terminal escapes, line by line', () => {
  const message = 'first\nsecond \u001b[31mred\u009b2J\r'
  const shown = 'first\nsecond \\u001b[31mred\\u009b2J\\r'
  assert.deepEqual(endingOf(new ConfigurationError(message)), { code: 2, message: shown })
  assert.deepEqual(endingOf(new UnreachableError(message)), { code: 3, message: shown })
  const unforeseen = endingOf(new Error(message))
  assert.partialDeepStrictEqual(unforeseen, { code: 1, message: shown })
  assert.ok(unforeseen.stack?.startsWith(`Error: ${shown}\n    at `), String(unforeseen.stack))
  assert.deepEqual(endingOf('a\u0007'), { code: 1, message: 'a\\u0007' })
})
