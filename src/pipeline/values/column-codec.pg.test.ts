// What passes a codec is stored by PostgreSQL as it reads the same text itself; what does not, PostgreSQL refuses as well,
// or a rule of docs/PIPELINES.md does.
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'vitest'
import fc from 'fast-check'
import type { ColumnType } from '#core/column-type.ts'
import { columnType, typeText } from '#core/column-type.ts'
import type { Scalar } from '#core/pipeline.ts'
import { arrayLiteral } from '#postgres/array-literal.ts'
import type { TestDatabase } from '../../../test/support/postgres.ts'
import { freshDatabase, startTestServer } from '../../../test/support/postgres.ts'
import { alwaysAsync } from '../../../test/support/seed.ts'
import { nastyText } from '../../../test/support/text.ts'
import { codecOf } from './column-codec.ts'
import { ValueFault } from './value-codec.ts'
import { microsOfTimestamptz } from './times.ts'

// Neither in UTC nor in ISO's order of day and month.
const server = await startTestServer({ timezone: 'Asia/Kathmandu', datestyle: 'SQL, DMY' })

const texts = (...all: string[]) => fc.constantFrom(...all)
const soup = (characters: string) =>
  fc.string({ unit: fc.constantFrom(...characters.split('')), maxLength: 12 })
const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(''))
const often = (text: string, other: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(text) }, other)
const number = (min: number, max: number, width = 1) =>
  fc.integer({ min, max }).map((n) => String(n).padStart(width, '0'))
const digits = fc.string({ unit: fc.constantFrom(...'0000123456789'.split('')), maxLength: 12 })

const decimals = fc.oneof(
  joined(
    texts('', '', '-', '+'),
    digits,
    fc.oneof(
      fc.constant(''),
      digits.map((all) => `.${all}`),
    ),
    fc.oneof(fc.constant(''), fc.constant(''), joined(texts('e', 'E'), texts('', '-', '+'), number(0, 20))),
  ),
  joined(texts('1', '0', '-25', '0.10', '00'), texts('e'), texts('-', ''), number(16_379, 16_386)),
  joined(texts('1', '0', '-250', '0.010'), texts('e'), number(131_068, 131_075)),
  texts(
    '1',
    '1.0',
    '1.00',
    '1e0',
    '10e-1',
    '0',
    '-0',
    '0.0',
    '999.99',
    '9999.99',
    '9999.995',
    '-1e3',
    '12300',
  ),
  texts('NaN', 'Infinity', '-inf', '0x10', '1_000', ' 1', '1 ', '1e', '.', '', '+', '1.2.3', '--1'),
  texts(
    '0e1073741823',
    '0e1073741824',
    '0.0e1073741824',
    '0e99999999999999999999',
    '1e-99999999999999999999',
  ),
  soup('0123456789.eE+-_x '),
)
// Half way between two reals, a little more, a little less; the ends.
const reals = fc.constantFrom(
  '16777217',
  '16777217.0000000001',
  '16777216.9999999999',
  '16777219',
  '16777218.9999999999',
  '-16777217.0000000001',
  '1.00000017881393432617187499',
  '1.00000017881393432617187500',
  '3.4028235677973366e38',
  '3.4028235677973365e38',
  '340282356779733661637539395458142568448',
  '1e39',
  '340282356779733661637539395458142568447',
  '7.006492321624085e-46',
  '7.006492321624086e-46',
  '1e-45',
  '1e-46',
  '1e-40',
  '-1e-400',
  '1.7976931348623158e308',
  '1.7976931348623159e308',
  '4.9e-324',
  '2.4e-324',
  '0.1',
  '0.10000000149011612',
  '0.30000001',
  '16777216',
  '16777215',
)
const integers = fc.oneof(
  fc.bigInt(-(2n ** 64n), 2n ** 64n),
  fc.integer({ min: -40_000, max: 40_000 }),
  fc.maxSafeInteger(),
  ...[15n, 31n, 63n].flatMap((bits) =>
    [2n ** bits, -(2n ** bits)].flatMap((edge) => [edge - 1n, edge, edge + 1n]).map((n) => fc.constant(n)),
  ),
  joined(texts('', '-', '+', ' '), texts('', '0', '000'), number(0, 70_000)),
  texts('7', '+7', '007', '-0', '0', '', '-', '1.0', '1e3', '9'.repeat(19), '9'.repeat(400), '0'.repeat(400)),
  fc.constantFrom(1.5, 2 ** 53, 1e300, Number.NaN, Infinity, -0, 0, 7),
  decimals,
)
const numbers = fc.oneof(
  decimals,
  reals,
  fc.double({ noNaN: false }),
  fc.float(),
  fc.integer({ min: -20_000, max: 20_000 }).map((n) => n / 100),
  integers,
)

const years = fc.oneof(
  number(1990, 2030, 4),
  number(0, 9999, 4),
  number(0, 400_000),
  number(0, 300_000, 6).map((year) => `+${year}`),
  texts('0000', '0001', '9999', '10000', '294276', '294277', '300000', '5874897', '5874898', '+002026'),
)
const calendar = joined(
  years,
  fc.constant('-'),
  fc.oneof(number(1, 12, 2), texts('00', '13', '1')),
  fc.constant('-'),
  fc.oneof(number(1, 28, 2), texts('29', '30', '31', '32', '00', '1')),
)
const clock = joined(
  fc.oneof(number(0, 23, 2), texts('23', '24', '25', '1')),
  fc.constant(':'),
  fc.oneof(number(0, 59, 2), texts('60')),
  often(':', fc.constant('')),
  fc.oneof(number(0, 59, 2), texts('60', '61', '')),
  fc.oneof(
    fc.constant(''),
    fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), maxLength: 9 }).map((all) => `.${all}`),
    texts('.999999', '.9999999', '.5', '.500000000', '.9995', '.0000004'),
  ),
)
const offsets = fc.oneof(
  { weight: 3, arbitrary: texts('Z', 'z', '+00:00', '-00:00') },
  joined(texts('+', '-'), number(0, 17, 2), texts(':'), number(0, 61, 2)),
  texts('', '+05', '+0530', ' Z', ' UTC', ' BC', '+05:30:15'),
)
const words = texts(
  'now',
  'today',
  'infinity',
  '-infinity',
  'epoch',
  'allballs',
  '',
  'January 8, 1999',
  '1999',
)
const leapDays = texts(
  '2000-02-29',
  '1900-02-29',
  '2100-02-29',
  '2024-02-29',
  '2023-02-29',
  '0400-02-29',
  '294276-02-29',
)
const separators = fc.oneof({ weight: 5, arbitrary: texts('T', 't', ' ') }, texts('  ', '', '_'))
const dates = fc.oneof({ weight: 5, arbitrary: calendar }, leapDays)
const moments = joined(dates, separators, clock)
const edges = texts(
  '294276-12-31T23:59:59.999999Z',
  '294276-12-31T23:59:59.9999999Z',
  '2026-01-28T23:59:59.1234567Z',
  '2026-01-28T23:59:59.9999Z',
  '0000-01-01T00:00:00Z',
  '294277-01-01T00:30:00+01:00',
  '294276-12-31T23:30:00-01:00',
  '0001-01-01T00:30:00+01:00',
  '0001-01-01T00:00:00Z',
  '2024-02-29T23:30:00-01:00',
  '1900-02-28T23:59:59.1234567-15:59',
  '2000-01-01 00:00:00Z',
  '1999-12-31T23:00:00-01:00',
  '1999-12-31T23:59:59.999999Z',
)
const instants = fc.date({ noInvalidDate: false })

const ipv4 = joined(...[0, 1, 2].map(() => number(0, 3).map((n) => `${n}.`)), number(0, 260))
const group = fc.oneof(texts('0', '0', 'ffff', '0db8', 'A', '1'), soup('0123456789abcdefABCDEFg'))
const ipv6 = fc.oneof(
  fc.array(group, { minLength: 1, maxLength: 9 }).map((all) => all.join(':')),
  fc
    .tuple(fc.array(group, { maxLength: 4 }), fc.array(group, { maxLength: 4 }))
    .map((sides) => sides.map((side) => side.join(':')).join('::')),
  joined(texts('::ffff:', '::FFFF:', '0:0:0:0:0:ffff:', '::', '64:ff9b::'), ipv4),
)
const prefix = fc.oneof(
  fc.constant(''),
  joined(texts('/'), fc.oneof(number(0, 33), number(90, 130), texts('32', '128', '08', '', '+8', '-1', 'x'))),
)
const networks = fc.oneof(
  joined(fc.oneof(ipv4, ipv6), prefix),
  texts(
    '10.0.0.0/8',
    '10.0.0.0',
    '10.0.0.0/32',
    '10',
    '10.1/16',
    '010.0.0.1',
    '::1%eth0',
    '::/0',
    '0.0.0.0/0',
  ),
  texts('::ffff:0:0/96', '::ffff:10.0.0.0/104', '::ffff:10.0.0.0/64', '2001:db8::/32', 'fe80::', ' ::1', ''),
)

const jsonTexts = fc.oneof(
  fc.json({ maxDepth: 3 }),
  decimals,
  decimals.map((n) => `{"n":[${n}]}`),
  texts(
    '"\\u0000"',
    '"\\ud83d"',
    '"\\ude00"',
    '"\\ud83d\\ud83d\\ude00"',
    '"\\ud83d\\ude00"',
    '"\\ude00\\ud83d"',
    '"\\ud83d\\\\ude00"',
    '"\\\\u0000"',
  ),
  texts(
    '',
    ' 1 ',
    '\uFEFF1',
    '[1,]',
    "{'a':1}",
    'NaN',
    '01',
    '-',
    'nul',
    '"\t"',
    '{"a":1,"a":2}',
    '1e131072',
  ),
  texts('[1e-16384]', '"1e200000"', '"\\"1e200000"', '"a\\\\"', '[1] x', '-0', '-0.0', '1.50'),
  fc.integer({ min: 995, max: 1005 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  soup('{}[]",:\\u0d8ex '),
)
const jsonValues = fc.oneof(
  jsonTexts,
  fc.jsonValue({ maxDepth: 3 }).filter((value) => value !== null),
  fc.object({ maxDepth: 2, values: [fc.string({ unit: 'grapheme' }), fc.double(), fc.constant(null)] }),
)

const loose = fc.oneof(
  nastyText,
  soup('ab  '),
  texts(
    'abcde',
    'abcdef',
    'ab',
    'ab ',
    'a',
    '',
    '    ',
    '        ',
    'é😀é😀é',
    'é😀é😀é ',
    'x'.repeat(63),
    'é'.repeat(32),
  ),
)
const booleans = fc.oneof(
  fc.boolean(),
  texts(
    'true',
    'false',
    't',
    'f',
    'TRUE',
    'yes',
    'on',
    '1',
    'of',
    ' t',
    '',
    'truely',
    '__proto__',
    'constructor',
  ),
)
const uuids = fc.oneof(
  fc.uuid(),
  fc.uuid().map((id) => id.toUpperCase()),
  fc.uuid().map((id) => id.replaceAll('-', '')),
  fc.uuid().map((id) => `{${id}}`),
  fc.tuple(fc.uuid(), fc.nat(40)).map(([id, at]) => id.slice(0, at) + id.slice(at + 1)),
  fc.constantFrom('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'),
)
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 8 }),
  joined(often('\\x', texts('', '\\X')), soup('0123456789abcdefABCDEF')),
  fc.constantFrom('\\xAB', '\\xab', Buffer.from([0xab])),
  texts('abc', '\\\\', '\\x a b', '\\xag', '\\000'),
)

/** A text with one character replaced, inserted or left out. */
function nearly(values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const characters = fc.constantFrom(...' 0159+-.:/eEaAfFTZzx_{}"\\,é'.split(''), '')
  return fc.tuple(values, fc.nat(40), characters, fc.nat(1)).map(([value, place, character, removed]) => {
    if (typeof value !== 'string' || value.length > 1000) return value
    const at = place % (value.length + 1)
    return value.slice(0, at) + character + value.slice(at + removed)
  })
}

interface Values {
  readonly values: fc.Arbitrary<unknown>
  /** What PostgreSQL's own reading `e` of the value becomes by a rule. */
  readonly expected?: string
  /** Whatever is passed on as text can be anything: only what is right is stored. */
  readonly isPassedOn?: boolean
}

/** A network of mapped IPv4 addresses is one of IPv4. */
const unmapped = `CASE
  WHEN family(e) = 6 AND masklen(e) >= 96 AND set_masklen(e::inet, 128) <<= '::ffff:0:0/96'
  THEN set_masklen('0.0.0.0'::inet + (set_masklen(e::inet, 128) - '::ffff:0.0.0.0'::inet), masklen(e) - 96)
  ELSE e::inet END`

const ofTypes: Readonly<Record<string, Values>> = {
  text: { values: loose },
  varchar: { values: loose },
  'varchar(5)': { values: loose },
  char: { values: loose },
  'char(5)': { values: loose },
  name: { values: loose },
  smallint: { values: integers },
  integer: { values: integers },
  bigint: { values: integers },
  numeric: { values: numbers },
  'numeric(6,2)': { values: numbers },
  'numeric(6)': { values: numbers },
  'numeric(3,-2)': { values: numbers },
  'numeric(3,5)': { values: numbers },
  real: { values: numbers },
  'double precision': { values: numbers },
  boolean: { values: booleans },
  uuid: { values: uuids },
  date: { values: fc.oneof(dates, dates, words, edges) },
  time: { values: fc.oneof(clock, clock, words) },
  'time(2)': { values: fc.oneof(clock, clock, words) },
  timestamp: { values: fc.oneof(moments, moments, words, edges) },
  'timestamp(0)': { values: fc.oneof(moments, moments, words) },
  'timestamp(3)': { values: fc.oneof(moments, moments, words) },
  timestamptz: {
    values: fc.oneof(joined(moments, offsets), joined(moments, offsets), edges, instants, words),
  },
  'timestamptz(3)': { values: fc.oneof(joined(moments, offsets), edges, instants) },
  'timestamptz(0)': { values: fc.oneof(joined(moments, offsets), edges, instants) },
  inet: { values: networks, expected: unmapped },
  cidr: { values: networks, expected: `(${unmapped})::cidr` },
  json: { values: jsonValues },
  jsonb: { values: jsonValues },
  bytea: { values: bytes },
  interval: {
    values: fc.oneof(texts('1 day', '24:00:00', '1 month', 'P1D'), fc.integer({ min: 0 })),
    isPassedOn: true,
  },
  mood: { values: texts('sad', 'ok'), isPassedOn: true },
  timetz: { values: texts('10:00:00+05:30', '24:00:00Z', '10:00'), isPassedOn: true },
  point: { values: texts('(1,2)', '1.5,-2'), isPassedOn: true },
  'integer[]': { values: arraysOf(fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constant(null))) },
  'numeric(6,2)[]': { values: arraysOf(fc.oneof(texts('1.50', '2', '99999.5', '1e2'), fc.constant(null))) },
}

function arraysOf(elements: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const nested = (depth: number): fc.Arbitrary<unknown> =>
    depth === 0 ? elements : fc.array(nested(depth - 1), { maxLength: 2 })
  const rectangular = fc
    .tuple(fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 7 }), elements)
    .map(([shape, element]) => shape.reduce<unknown>((inner, length) => Array(length).fill(inner), element))
  return fc.oneof(
    fc.array(elements),
    nested(2),
    nested(3),
    rectangular,
    fc.array(fc.oneof(elements, nested(1))),
  )
}

const temporal = ['date', 'time', 'timestamp', 'timestamptz']
const numeric = ['numeric', 'real', 'double precision']
const whole = ['smallint', 'integer', 'bigint']

interface Rule {
  readonly rule: string
  readonly types: readonly string[]
  readonly covers: (text: string, type: ColumnType, value: unknown) => boolean
}

/** Where more is refused than PostgreSQL refuses. */
const refusals: readonly Rule[] = [
  {
    rule: 'a varchar has at most its length, spaces at the end included',
    types: ['character varying'],
    covers: (text, { modifiers: [length = Infinity] }) => Array.from(text).length > length,
  },
  {
    rule: 'a name has at most 63 bytes',
    types: ['name'],
    covers: (text) => Buffer.byteLength(text) > 63,
  },
  {
    rule: 'a char has at most its length, spaces at the end not included',
    types: ['character'],
    covers: (text, { modifiers: [length = 1] }) => Array.from(text.replace(/ +$/, '')).length > length,
  },
  {
    rule: 'numbers are in decimal notation: no spaces, underscores, other bases or words',
    types: [...whole, ...numeric],
    covers: (text) => /[\s_xobnf]/i.test(text),
  },
  {
    rule: 'a number for an integer is a safe integer',
    types: whole,
    covers: (_, __, value) => typeof value === 'number' && !Number.isSafeInteger(value),
  },
  {
    rule: 'a numeric has no more decimal places than its scale',
    types: ['numeric'],
    covers: (text, { modifiers: [precision, scale = 0] }) => {
      if (precision === undefined) return false
      const [, mantissa = '', exponent = '0'] = /^([^e]*)(?:e(.*))?$/i.exec(text) ?? []
      const places = mantissa.includes('.') ? mantissa.replace(/0+$/, '').split('.')[1]?.length : undefined
      const zeros = places ? 0 : (/(0*)\.?0*$/.exec(mantissa)?.[1]?.length ?? 0)
      return (places ?? 0) - zeros - Number(exponent) > scale
    },
  },
  {
    rule: 'a boolean is true, false, t or f',
    types: ['boolean'],
    covers: (text) => !['true', 'false', 't', 'f'].includes(text),
  },
  {
    rule: 'a UUID has four hyphens and no braces',
    types: ['uuid'],
    covers: (text) => text.length !== 36 || text.startsWith('{'),
  },
  {
    rule: 'bytes in text are "\\x" and hexadecimal digits without spaces',
    types: ['bytea'],
    covers: (text) => !text.startsWith('\\x') || /\s/.test(text),
  },
  {
    rule: 'dates and times are in RFC 3339: all digits, no words, offset where the type has one and nowhere else',
    types: temporal,
    covers: (text, { name }) =>
      !{
        date: /^\+?\d{4,}-\d\d-\d\d$/,
        time: /^\d\d:\d\d:\d\d(\.\d+)?$/,
        timestamp: /^\+?\d{4,}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?$/i,
        timestamptz: /^\+?\d{4,}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i,
      }[name]?.test(text),
  },
  {
    rule: 'no hour 24 and no second 60',
    types: temporal,
    covers: (text) => /24:\d\d:|:60/.test(text),
  },
  {
    rule: 'no years before 1, in UTC',
    types: temporal,
    covers: (text) => /^\+?0+1-01-01.*\+/.test(text),
  },
  {
    rule: 'an address is as RFC 4291 spells it, or four numbers without zeros before them',
    types: ['inet', 'cidr'],
    // PostgreSQL also takes `10.1/16`, `::1:` and `::ffff:0:.0`.
    covers: (text) => isIP(text.replace(/\/.*$/s, '')) === 0,
  },
  {
    rule: 'a prefix length has no zeros before it',
    types: ['inet', 'cidr'],
    covers: (text) => /\/0\d/.test(text),
  },
  {
    rule: 'JSON has no escaped NUL and no lone surrogate',
    types: ['json'],
    covers: (text) => /\\u(0000|d[89a-f]..)/i.test(text),
  },
  {
    rule: 'JSON is nested at most 1000 levels deep',
    types: ['json', 'jsonb'],
    covers: (text) => text.length > 2000,
  },
  {
    rule: 'NaN and infinities are in no JSON',
    types: ['json', 'jsonb'],
    covers: (_, __, value) => typeof value !== 'string' && /NaN|infinity/i.test(fc.stringify(value)),
  },
]

/** The value as a text that PostgreSQL reads by itself. Years with a plus sign, and fractions that are cut, by our rules. */
function asPostgresReads(value: unknown, { name, modifiers, isArray }: ColumnType): string {
  if (isArray) return JSON.stringify(value).replaceAll('[', '{').replaceAll(']', '}')
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  if (name.startsWith('json')) return typeof value === 'string' ? value : JSON.stringify(value)
  if (!temporal.includes(name)) return Object.is(value, -0) ? '-0' : String(value)
  const text =
    value instanceof Date ? (Number.isNaN(value.getTime()) ? 'none' : value.toISOString()) : String(value)
  const kept = modifiers[0] ?? 6
  return text.replace(/^\+(?=\d{6}-)/, '').replace(/\.(\d+)/, (_, all: string) => `.${all.slice(0, kept)}`)
}

/** What cannot be asked: it does not get as far as PostgreSQL. */
const isUnsendable = (text: string) => text.includes('\0') || !text.isWellFormed()

for (const [name, { values, expected = 'e', isPassedOn = false }] of Object.entries(ofTypes)) {
  test(`${name}: stored exactly, or refused as PostgreSQL would`, async () => {
    const type = columnType(name)
    assert.ok(type)
    await using database = await freshDatabase(server, { migrated: false })
    await database.query("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    await database.query(`CREATE TABLE stored (i integer, v ${name})`)
    const given = isPassedOn ? values : fc.oneof({ weight: 3, arbitrary: values }, nearly(values))
    const property = fc.asyncProperty(
      fc.array(given, { minLength: 1, maxLength: 120, size: 'max' }),
      (array) => check(database, type, expected, array),
    )
    await alwaysAsync(property, 12)
  })
}

async function check(
  database: TestDatabase,
  type: ColumnType,
  expected: string,
  given: readonly unknown[],
): Promise<void> {
  const codec = codecOf(type)
  const passed: { readonly encoded: Scalar; readonly text: string }[] = []
  const refused: { readonly value: unknown; readonly text: string; readonly fault: ValueFault }[] = []
  for (const value of given) {
    const encoded = codec.encode(value)
    const text = asPostgresReads(value, type)
    if (!(encoded instanceof ValueFault)) passed.push({ encoded, text })
    else if (!isUnsendable(text)) refused.push({ value, text, fault: encoded })
  }
  await checkRefused(database, type, refused)
  const stored = await store(database, type, expected, passed)
  for (const [i, { stored: found, expected: wanted }] of stored.entries())
    assert.equal(found, wanted, `${JSON.stringify(passed[i]?.text)} as ${typeText(type)}`)
  if (codec.isCanonical)
    await checkKeys(
      database,
      passed.map(({ encoded }) => codec.keyText(encoded ?? '')),
    )
}

async function checkRefused(
  database: TestDatabase,
  type: ColumnType,
  refused: readonly { readonly value: unknown; readonly text: string; readonly fault: ValueFault }[],
): Promise<void> {
  const verdicts = await database.query<{ valid: boolean }>(
    'SELECT pg_input_is_valid(t, $2) AS valid FROM unnest($1::text[]) WITH ORDINALITY AS u(t, i) ORDER BY i',
    [arrayLiteral(refused.map(({ text }) => text)), typeText(type)],
  )
  for (const [i, { value, text, fault }] of refused.entries()) {
    if (verdicts[i]?.valid !== true) continue
    const rule = refusals.find(({ types, covers }) => types.includes(type.name) && covers(text, type, value))
    assert.ok(rule, `${JSON.stringify(text)} ${fault.what}, but PostgreSQL takes it for ${typeText(type)}`)
  }
}

/** As the writer does it: one array a column, and of arrays their literals. */
async function store(
  database: TestDatabase,
  type: ColumnType,
  expected: string,
  passed: readonly { readonly encoded: Scalar; readonly text: string }[],
): Promise<{ stored: string; expected: string }[]> {
  const [travels, value] = type.isArray ? ['text', `r.v::${type.name}[]`] : [plainName(type), 'r.v']
  await database.query('TRUNCATE stored')
  await database.query(
    `INSERT INTO stored SELECT r.i, ${value} FROM unnest($1::integer[], $2::${travels}[]) AS r(i, v)`,
    [arrayLiteral(passed.map((_, i) => i)), arrayLiteral(passed.map(({ encoded }) => encoded))],
  )
  return await database.query(
    `SELECT v::text AS stored, (${expected})::text AS expected
     FROM stored JOIN LATERAL
       (SELECT t::${typeText(type)} AS e FROM unnest($1::text[]) WITH ORDINALITY AS u(t, n) WHERE n = i + 1) AS r ON true
     ORDER BY i`,
    [arrayLiteral(passed.map(({ text }) => text))],
  )
}

/** `character` alone would be that of one character, and cut. */
function plainName({ name }: ColumnType): string {
  return name === 'character' ? 'bpchar' : name
}

async function checkKeys(database: TestDatabase, keys: readonly string[]): Promise<void> {
  const equal = await database.query<{ a: number; b: number }>(
    'SELECT a.i AS a, b.i AS b FROM stored a JOIN stored b ON a.v = b.v AND a.i < b.i ORDER BY a, b',
  )
  const same = keys.flatMap((key, a) =>
    keys.flatMap((other, b) => (a < b && key === other ? [{ a, b }] : [])),
  )
  assert.deepEqual(same, equal)
}

test('arrays of texts of any dimensions come back element by element', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const { encode } = codecOf(columnType('text[]') as ColumnType)
  const rows = fc
    .integer({ min: 1, max: 3 })
    .chain((length) =>
      fc.array(fc.array(fc.option(nastyText), { minLength: length, maxLength: length }), { minLength: 1 }),
    )
  const property = fc.asyncProperty(fc.array(fc.oneof(rows, fc.array(nastyText))), async (arrays) => {
    const encoded = arrays.map((array) => {
      const literal = encode(array)
      assert.ok(!(literal instanceof ValueFault))
      return literal
    })
    const read = await database.query<{ v: unknown }>(
      'SELECT to_json(v::text[]) AS v FROM unnest($1::text[]) WITH ORDINALITY AS u(v, i) ORDER BY i',
      [arrayLiteral(encoded)],
    )
    assert.deepEqual(
      read.map(({ v }) => v),
      arrays,
    )
  })
  await alwaysAsync(property, 50)
})

test('arrays of JSON and of bytes', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const given = [[1, '2'], { a: ['"', '\\'] }, '"text"', null]
  const [{ json, bytea } = {}] = await database.query<{ json: unknown; bytea: Buffer[] }>(
    'SELECT to_json($1::text::jsonb[]) AS json, $2::text::bytea[] AS bytea',
    [
      codecOf(columnType('jsonb[]') as ColumnType).encode(given),
      codecOf(columnType('bytea[]') as ColumnType).encode([Buffer.from([0, 255]), '\\xAB', null]),
    ],
  )
  assert.deepEqual(json, [[1, '2'], { a: ['"', '\\'] }, 'text', null])
  assert.deepEqual(bytea, [Buffer.from([0, 255]), Buffer.from([0xab]), null])
})

test('microseconds of a timestamptz are those that PostgreSQL keeps', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const { encode } = codecOf(columnType('timestamptz') as ColumnType)
  const property = fc.asyncProperty(
    fc.array(fc.oneof(joined(moments, offsets), edges, instants)),
    async (given) => {
      const encoded = given.map(encode).filter((one) => typeof one === 'string')
      const kept = await database.query<{ micros: string }>(
        `SELECT ('x' || encode(timestamptz_send(t), 'hex'))::bit(64)::bigint::text AS micros
       FROM unnest($1::timestamptz[]) WITH ORDINALITY AS u(t, i) ORDER BY i`,
        [arrayLiteral(encoded)],
      )
      assert.deepEqual(
        encoded.map((text) => String(microsOfTimestamptz(text))),
        kept.map(({ micros }) => micros),
      )
    },
  )
  await alwaysAsync(property, 50)
})
