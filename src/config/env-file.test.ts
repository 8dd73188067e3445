import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { parseEnv } from 'node:util'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { parseEnvFile } from './env-file.ts'

function valuesOf(text: string): Record<string, string> {
  const { values, faults } = parseEnvFile(text)
  assert.deepEqual(faults, [], text)
  return Object.fromEntries(values)
}

describe('the contents of an env file', () => {
  for (const [text, values] of [
    ['A=1', { A: '1' }],
    ['A=1\nB=2\n', { A: '1', B: '2' }],
    ['A=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['A=1\rB=2', { A: '1', B: '2' }],
    ['\n# a comment\n  # another = one\n\nA=1', { A: '1' }],
    ['export A=1\n  export\tB=2', { A: '1', B: '2' }],
    [' A = 1 ', { A: '1' }],
    ['A=', { A: '' }],
    ['A=#1 2', { A: '#1 2' }],
    ['A=#1', { A: '#1' }],
    ['A= # a comment', { A: '' }],
    ['A=pass#word', { A: 'pass#word' }],
    ['A=pass #word', { A: 'pass' }],
    ['A=pass\t# a comment', { A: 'pass' }],
    ['A=a b  c', { A: 'a b  c' }],
    ["A=it's", { A: "it's" }],
    ['A=a=b==', { A: 'a=b==' }],
    ['A="a # b" # a comment', { A: 'a # b' }],
    [`A='a "b" \`c\`'`, { A: 'a "b" `c`' }],
    ['A=`it\'s "it"`', { A: `it's "it"` }],
    ['A=""', { A: '' }],
    ['A=" 1 "', { A: ' 1 ' }],
    ['A="1\\n2"', { A: '1\n2' }],
    ["A='1\\n2'", { A: '1\\n2' }],
    ['A="1\n2"\nB=3', { A: '1\n2', B: '3' }],
    ['A="-----BEGIN\nAbCd==\nEfGh=\n-----END"\nB=3', { A: '-----BEGIN\nAbCd==\nEfGh=\n-----END', B: '3' }],
    ['A="AbCd\nEfGh="\nB=3', { A: 'AbCd\nEfGh=', B: '3' }],
    ["A='AbCd\nEfGh=='", { A: 'AbCd\nEfGh==' }],
    [`A='[x]\ny="z"\n'\nB=3`, { A: '[x]\ny="z"\n', B: '3' }],
    ['A=1\nA=2', { A: '2' }],
    ['A=1\u{a0}', { A: '1\u{a0}' }],
    ['\u{feff}A=1', { A: '1' }],
    ['other.name=1', { 'other.name': '1' }],
  ] as const) {
    test(JSON.stringify(text), () => assert.deepEqual(valuesOf(text), values))
  }
})

describe('an invalid line is a fault with its line number, and the rest is read', () => {
  for (const [text, line, why] of [
    ['A=1\nFOO BAR=1', 2, /a blank in the name/],
    ['A=1\nFOO', 2, /not an assignment/],
    ['A=1\n=1', 2, /no name in front/],
    ['A=1\n1A=1', 2, /begins with no digit/],
    ['A=1\nB-C:D=1', 2, /letters, digits and _/],
    ['A=1\nB="x', 2, /quote " is not closed/],
    ["A=1\n\nB='x\nC=1\nD='y'", 3, /quote ' is not closed/],
    ['A=1\nB="x\nexport C="y"', 2, /quote " is not closed/],
    ['A=1\nB="x\nC=1\nD=""', 2, /quote " is not closed before line 3, which looks like the next assignment/],
    ['A=1\nB="x\nC=\'y\'\nD = "z" # "', 2, /quote " is not closed before line 3/],
    ['A=1\nB="x\nC=1', 2, /quote " is not closed before line 3/],
    ['A=1\nB="x\nC=1 # of "y"', 2, /text after the closing "/],
    ['A=1\nB="x"y', 2, /text after the closing "/],
    ['A=1\nB="x\ny" z', 2, /text after the closing "/],
    ['A=1\r\n\r\nexport', 3, /not an assignment/],
    ['A=1\n\u{feff}\u{feff}B C', 2, /not an assignment/],
  ] as const) {
    test(JSON.stringify(text), () => {
      const { values, faults } = parseEnvFile(text)
      assert.equal(values.get('A'), '1')
      assert.deepEqual(
        faults.map((fault) => fault.line),
        [line],
      )
      assert.match(faults[0]?.problem ?? '', why)
    })
  }

  test('all at once, and none quotes its line', () => {
    const { faults, values, lines } = parseEnvFile(
      'se cret=1\nA=1\nsecret\nB="secret\nC=2\nD="x" secret\n2=secret',
    )
    assert.deepEqual(
      faults.map(({ line }) => line),
      [1, 3, 4, 6, 7],
    )
    assert.ok(!JSON.stringify(faults).includes('secret'))
    assert.deepEqual([values.get('C'), lines.get('C')], ['2', 5])
  })
})

test('agrees with Node.js where nothing is ambiguous', () => {
  const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,5}$/)
  // Of an empty value before blanks Node.js takes the next line.
  const plain = fc.stringMatching(/^[\w@%+:,./-]+$/)
  const spaced = fc.stringMatching(/^([\w@%#=$]([\w@%#=$ ]*[\w@%#=$])?)?$/)
  const value = fc.oneof(
    plain,
    fc.tuple(fc.constantFrom('"', "'", '`'), spaced).map(([quote, text]) => `${quote}${text}${quote}`),
  )
  const line = fc.tuple(fc.constantFrom('', '  '), name, value, fc.constantFrom('', ' # comment', '  '))
  always(
    fc.property(fc.array(line), fc.constantFrom('\n', '\r\n'), (lines, end) => {
      const text = lines.map(([before, one, given, after]) => `${before}${one}=${given}${after}`).join(end)
      assert.deepEqual(valuesOf(text), { ...parseEnv(text) }, text)
    }),
    1000,
  )
})

test('any text at all: each line is an assignment, a comment or a fault', () => {
  const piece = fc.oneof(
    fc.constantFrom('A', '=', '"', "'", '`', '#', ' ', '\n', '\r', '\\n', 'export '),
    fc.string(),
  )
  always(
    fc.property(fc.array(piece), (pieces) => {
      const { faults, values, lines } = parseEnvFile(pieces.join(''))
      assert.deepEqual([...values.keys()].sort(), [...lines.keys()].sort())
      assert.equal(new Set(faults.map((fault) => fault.line)).size, faults.length)
    }),
    1000,
  )
})
