import fc from 'fast-check'

const surrogates = { first: 0xd800, count: 0x800 }

/**
 * Any character of Unicode: every code point but the surrogates.
 *
 * As `{ unit: 'binary' }` of fast-check, which first lists all 1.1 million of them: two seconds in each process.
 */
export const anyCharacter = fc.integer({ min: 0, max: 0x10ffff - surrogates.count }).map(
  (index) => String.fromCodePoint(index < surrogates.first ? index : index + surrogates.count),
  (text) => {
    const code = typeof text === 'string' ? text.codePointAt(0) : undefined
    if (code === undefined || text !== String.fromCodePoint(code)) throw new Error('not one character')
    return code < surrogates.first ? code : code - surrogates.count
  },
)

/** Any well-formed text, of 20 characters at most. */
export const anyText = fc.string({ unit: anyCharacter, maxLength: 20 })

/** Text that is hard on quoting and on ordering; well-formed, without NUL. */
export const nastyText = fc.string({
  maxLength: 12,
  unit: fc.oneof(
    fc.constantFrom('"', '\\', '{', '}', ',', 'NULL', '\n', '\t', ' ', "'", '$1', '\\x00', '\u0001'),
    // UTF-16 puts the surrogates of an emoji before U+E000; a locale ignores case and accents at first.
    fc.constantFrom('a', 'B', 'b', 'é', 'e\u0301', '\u{E000}', '\u{FFFD}', '\u{FFFF}', '\u{10000}', '😀'),
    anyCharacter.filter((character) => character !== '\0'),
  ),
})
