/** A column's type, as far as statements have to know it. */
export interface ColumnType {
  /**
   * Without modifiers and brackets: of PostgreSQL's own types as `format_type` writes it (`character varying`), of others
   * as it was given (`mood`, `sales."Mood"`). It may stand in a statement as it is.
   */
  readonly name: string
  /** `[12, 2]` of `numeric(12,2)`. */
  readonly modifiers: readonly number[]
  /** Of any number of dimensions: PostgreSQL does not distinguish them. */
  readonly isArray: boolean
}

/** Other names of PostgreSQL's own types. https://www.postgresql.org/docs/18/datatype.html */
const aliases: ReadonlyMap<string, string> = new Map([
  ['bool', 'boolean'],
  ['char', 'character'],
  ['decimal', 'numeric'],
  ['float4', 'real'],
  ['float8', 'double precision'],
  ['int', 'integer'],
  ['int2', 'smallint'],
  ['int4', 'integer'],
  ['int8', 'bigint'],
  ['timestamp without time zone', 'timestamp'],
  ['timestamp with time zone', 'timestamptz'],
  ['time without time zone', 'time'],
  ['time with time zone', 'timetz'],
  ['varbit', 'bit varying'],
  ['varchar', 'character varying'],
])

/** Those of several words. An interval may keep some of its fields only. */
const phrases =
  /^(?:double precision|character varying|bit varying|interval (?:year|month|day|hour|minute|second|year to month|day to (?:hour|minute|second)|hour to (?:minute|second)|minute to second))$/

/** A name, or one with its schema; each part as a plain word or in quotes. */
const names =
  /^(?:[\p{L}_][\p{L}\p{N}_$]*|"(?:[^"\0]|"")+")(?:\.(?:[\p{L}_][\p{L}\p{N}_$]*|"(?:[^"\0]|"")+"))?$/u

/** The name, what stands in brackets, and what follows these: `timestamp`, `3`, `with time zone`. */
const parts = /^(?<before>(?:[^"(]|"[^"]*")+)(?:\((?<modifiers>[^()"]*)\)(?<after>[^("]*))?$/

/** Extensions have some in words, as in `geometry(Point,4326)`: they restrict values, and change none. */
const inWords = /^\s*\p{L}[\p{L}\p{N}_]*(?:\s*,\s*-?\d+)*\s*$/u

const known = new Map<string, ColumnType | undefined>()

/** Undefined where the text is no name of a type. Whether there is such a type, the database knows. */
export function columnType(text: string): ColumnType | undefined {
  if (!known.has(text)) known.set(text, parsed(text))
  return known.get(text)
}

function parsed(text: string): ColumnType | undefined {
  const element = text.trim().replace(/(?:\s*\[\d*\])+$/, '')
  const { before = '', modifiers: given, after = '' } = parts.exec(element)?.groups ?? {}
  const words = `${before.trim()} ${after.trim()}`.trim()
  const plain = words.toLowerCase().replace(/\s+/g, ' ')
  const name = words.includes('"') ? words : (aliases.get(plain) ?? plain)
  if (!names.test(name) && !phrases.test(name)) return undefined
  const modifiers = modifiersOf(name, given)
  return modifiers && { name, modifiers: implied(name, modifiers), isArray: element !== text.trim() }
}

function modifiersOf(name: string, given: string | undefined): readonly number[] | undefined {
  if (given === undefined) return []
  if (/^\s*-?\d+(?:\s*,\s*-?\d+)?\s*$/.test(given)) return given.split(',').map(Number)
  return inWords.test(given) && !isOwn(name) ? [] : undefined
}

/** Whether it is one of those that are named here, none of which has modifiers in words. */
function isOwn(name: string): boolean {
  return identifying.has(name) || others.has(name) || phrases.test(name) || name === 'bit'
}

/** What SQL means where less is said: `numeric(5)` is `numeric(5,0)`, `char` is `char(1)`. */
function implied(name: string, modifiers: readonly number[]): readonly number[] {
  if (name === 'numeric' && modifiers.length === 1) return [...modifiers, 0]
  return (name === 'character' || name === 'bit') && modifiers.length === 0 ? [1] : modifiers
}

/** As a person writes it: `numeric(12,2)[]`. */
export function typeText({ name, modifiers, isArray }: ColumnType): string {
  return `${name}${modifiers.length > 0 ? `(${modifiers.join(',')})` : ''}${isArray ? '[]' : ''}`
}

/** Types whose values have one spelling each on their way to the database, and are the same exactly where these are. */
const identifying: ReadonlySet<string> = new Set(
  [
    'text,character varying,character,bpchar,name,uuid,bytea,boolean,inet,cidr',
    'smallint,integer,bigint,numeric,real,double precision,date,time,timestamp,timestamptz',
  ].flatMap((names) => names.split(',')),
)

/** Whether it can be part of a key for what is known of it here: of an enum only the database knows. */
export function isIdentifying({ name, isArray }: ColumnType): boolean {
  return !isArray && identifying.has(name)
}

/** Of PostgreSQL's own, and no composite. */
export function isSimple({ name }: ColumnType): boolean {
  return identifying.has(name) || others.has(name)
}

const others: ReadonlySet<string> = new Set(['json', 'jsonb', 'timetz', 'interval'])

/** Types whose order depends on a collation. */
const collated: ReadonlySet<string> = new Set(['text', 'character varying', 'character', 'name'])

/** Whether it is a text, which is ordered under a collation. */
export function isCollated({ name, isArray }: ColumnType): boolean {
  return !isArray && collated.has(name)
}

const summable: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint', 'numeric'])

/** Whether its values have exact sums, the same in any order. */
export function isSummable({ name, isArray }: ColumnType): boolean {
  return !isArray && summable.has(name)
}
