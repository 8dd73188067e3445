import assert from 'node:assert/strict'
import { test } from 'vitest'
import { columnType, typeText } from './column-type.ts'

test('the types of PostgreSQL by their own names and their others', () => {
  const written = {
    int8: 'bigint',
    INTEGER: 'integer',
    decimal: 'numeric',
    'numeric(12, 2)': 'numeric(12,2)',
    'numeric(3,-2)[]': 'numeric(3,-2)[]',
    'numeric(5)': 'numeric(5,0)',
    char: 'character(1)',
    'bit[]': 'bit(1)[]',
    bpchar: 'bpchar',
    'varchar(20)': 'character varying(20)',
    'character varying (20)': 'character varying(20)',
    'double  precision': 'double precision',
    'timestamp with time zone': 'timestamptz',
    'timestamp(3) with time zone': 'timestamptz(3)',
    'text[][]': 'text[]',
    'integer[3]': 'integer[]',
    'bit varying(5)': 'bit varying(5)',
    Mood: 'mood',
    '"odd (3)[]"(5)[]': '"odd (3)[]"(5)[]',
    '"a.b"."c (1)"': '"a.b"."c (1)"',
    '"char"[]': '"char"[]',
    '"bit"': '"bit"',
    'bit(5)': 'bit(5)',
    'time(0) with time zone[]': 'timetz(0)[]',
    'interval(3)': 'interval(3)',
    'INTERVAL  Day to Second (3)[]': 'interval day to second(3)[]',
    'interval year to month': 'interval year to month',
    'public.vector(3)': 'public.vector(3)',
    'geometry(Point,4326)': 'geometry',
    'sales.geometry(PointZ)[]': 'sales.geometry[]',
    constructor: 'constructor',
    'sales."Mood"[]': 'sales."Mood"[]',
    '"odd ""name"""': '"odd ""name"""',
  }
  for (const [given, expected] of Object.entries(written)) {
    const type = columnType(given)
    assert.equal(type && typeText(type), expected, given)
  }
})

test('what is no name of a type', () => {
  for (const text of [
    '',
    ' ',
    'text; DROP TABLE t',
    'a.b.c',
    '"open',
    'two words',
    'numeric(1,2,3)',
    '1x',
    '[]',
    "x'",
    'numeric(x)',
    'text(Point,4326)',
    'interval(x)',
    'interval day to year',
    'timestamp with time zone zone',
    'text)',
    'text(1)(2)',
    '"a"(1"b")',
  ])
    assert.equal(columnType(text), undefined, text)
})
