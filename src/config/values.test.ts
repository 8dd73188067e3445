import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import {
  parseBytes,
  parseDuration,
  parsePercentage,
  parseWhole,
  writeBytes,
  writeDuration,
} from './values.ts'

type Table = readonly (readonly [
  name: string,
  parse: (text: string) => number,
  good: Readonly<Record<string, number>>,
  bad: readonly string[],
  expected: RegExp,
])[]

const table: Table = [
  [
    'a duration, in ms',
    parseDuration,
    {
      0: 0,
      '0s': 0,
      '100ms': 100,
      '10s': 10_000,
      '1.5s': 1500,
      '2m': 120_000,
      '72h': 259_200_000,
      '0.4ms': 0,
    },
    [
      '',
      '10',
      '10 s',
      ' 10s',
      '10S',
      '-1s',
      '+1s',
      '1e3s',
      '.5s',
      '1.s',
      '1d',
      '1s2s',
      'Infinityh',
      '10constructor',
    ],
    /^must be a duration such as 10s, 100ms or 72h, not "/,
  ],
  [
    'a size, in bytes',
    parseBytes,
    {
      0: 0,
      '1': 1,
      '4096': 4096,
      '5B': 5,
      '64KiB': 65_536,
      '1.5KiB': 1536,
      '100MiB': 104_857_600,
      '2GiB': 2_147_483_648,
    },
    ['', '1MB', '1M', '1mib', '1 MiB', '-1', '1e3', '0x10', '1TiB'],
    /^must be a size such as 100MiB, 64KiB or 4096, not "/,
  ],
  [
    'a whole number within bounds',
    (text) => parseWhole(text, 2, 10),
    { '2': 2, '10': 10, '007': 7 },
    ['', '1', '11', '2.0', '-2', '+2', '1e1', '0x3', ' 2', '2 ', 'two', '٣'],
    /^must be a whole number from 2 to 10, not "/,
  ],
  [
    'a whole number without an upper bound',
    (text) => parseWhole(text, 1),
    { '1': 1, '9007199254740991': 2 ** 53 - 1 },
    ['0', '-1', '2.0', '1e3'],
    /^must be a whole number of at least 1, not "/,
  ],
  [
    'a whole number that is too large to be exact',
    (text) => parseWhole(text, 1),
    {},
    ['9007199254740992', '1'.repeat(400)],
    /^must be a whole number from 1 to 9007199254740991, not ("|a text of 400 characters$)/,
  ],
  [
    'a percentage',
    parsePercentage,
    { '0': 0, '0.5': 0.5, '20': 20, '100': 100 },
    ['', ' ', '-1', '100.1', '20%', 'x', 'NaN', 'Infinity'],
    /^must be a percentage from 0 to 100, not "/,
  ],
]

for (const [name, parse, good, bad, expected] of table) {
  describe(name, () => {
    for (const [text, value] of Object.entries(good))
      test(`${text} is ${value}`, () => assert.equal(parse(text), value))
    for (const text of bad) {
      test(`"${text.slice(0, 20)}" is invalid, and the error says what was expected`, () => {
        assert.throws(() => parse(text), { message: expected })
      })
    }
  })
}

for (const [name, write, parse, texts] of [
  [
    'a duration',
    writeDuration,
    parseDuration,
    ['0', '1ms', '100ms', '1500ms', '30s', '60s', '90s', '1h', '72h'],
  ],
  ['a size', writeBytes, parseBytes, ['1B', '4095B', '64KiB', '1536KiB', '8MiB', '100MiB', '2GiB']],
] as const) {
  test(`${name} is written as it is read`, () => {
    for (const text of texts) assert.equal(write(parse(text)), text)
  })
}
