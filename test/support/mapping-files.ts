/** What every mapping must say. */
export const least = `name: orders
subscription: orders-sub
table: sales.orders
key: order_id
version: updated_at
`

/** Without faults, by what they show. */
export const validMappings: Readonly<Record<string, string>> = {
  'the least': least,
  'the least in JSON': JSON.stringify({
    $schema: './pipeline.schema.json',
    name: 'orders',
    subscription: 'orders-sub',
    table: 'orders',
    key: ['order_id'],
    version: 'updated_at',
  }),
  'everything about the whole': `name: orders
subscription: projects/example.com:my-project/subscriptions/orders-sub
topic: projects/my-project/topics/orders
table: '"sales.eu".orders'
mode: newest
format: json
envelope: none
key: [shop, order_id]
version: [updated_at, revision]
others: skip
split: items
where:
  - { path: type, equals: order }
  - { name: real, not: { path: $message.test, equals: true } }
delete:
  when: { path: op, in: [D, T] }
  mode: { column: deleted_at }
columns:
  shop: $attributes.shop
  order_id: id
  updated_at: $message.updated
  revision: { path: revision, default: 0 }
  deleted_at: $publishTime
`,
  'every source of a column': `${least}columns:
  customer_id: customer.id
  total: { path: total, default: 0.10 }
  lines: { path: lines, default: [] }
  tags: { path: tags, optional: true }
  required: { path: required, optional: false }
  received_at: $publishTime
  source: { value: web }
  nothing: { value: null }
  nested: { value: { a: [1, { b: null }] } }
  created_at: { skip: true }
  seen_at: { path: ts, unit: ms }
  local: { path: when, timezone: Europe/Berlin }
  offset: { path: when, timezone: "+15:59" }
  body: { path: body, encoding: base64url }
  response: [data.response_str, { path: data.response_bytes_utf8, encoding: base64 }]
  last: [{ path: a, unit: s }, { path: b, default: 1970-01-01T00:00:00Z }]
  "a column: with #all": '"a.b"'
`,
  'every condition': `${least}where:
  all:
    - { path: type, equals: order }
    - { path: $attributes.kind, in: [a, 1, 1.0, true, null] }
    - any:
        - { path: a, exists: true }
        - { path: b, exists: false }
        - not: { not: { path: c, equals: null } }
delete: { when: { path: op, equals: D }, mode: hard }
`,
  'records that are appended': `name: orders
subscription: orders-sub
table: sales.orders
mode: append
others: skip
split: lines
where: { path: type, equals: order }
columns:
  order_id: $message.id
  sku: sku
  note: { path: note, optional: true }
`,
  sums: `name: orders
subscription: orders-sub
table: sales.orders
mode: sum
key: [customer, day]
split: lines
where: { path: type, equals: order }
columns:
  customer: $message.customer
  day: $message.day
  orders: { value: 1 }
  amount: [amount, { path: total, default: 0 }]
`,
}

/** What a mapping must say whose records are appended, or added up. */
export const leastOf = {
  append: 'name: orders\nsubscription: orders-sub\ntable: sales.orders\nmode: append\n',
  sum: 'name: orders\nsubscription: orders-sub\ntable: sales.orders\nmode: sum\nkey: customer\n',
} as const

/** After {@link leastOf} of a mode: what that refuses, as a JSON schema can see as well. */
export const faultyOfMode: readonly (readonly [mode: keyof typeof leastOf, text: string, fault: string])[] = [
  [
    'append',
    'key: order_id',
    '5:1: key: cannot be combined with mode append: each record is a row of its own; remove it, or use mode: newest for one row a key',
  ],
  [
    'append',
    'version: updated_at',
    '5:1: version: cannot be combined with mode append: every record counts, and none is newer than another; remove it, or use mode: newest',
  ],
  [
    'append',
    'delete: { when: { path: op, equals: D } }',
    '5:1: delete: cannot be combined with mode append: rows are only added; remove it, or use mode: newest',
  ],
  [
    'sum',
    'version: [updated_at]',
    '6:1: version: cannot be combined with mode sum: every record counts, and none is newer than another; remove it',
  ],
  [
    'sum',
    'delete: { when: { path: op, equals: D }, mode: { column: customer } }',
    '6:1: delete: cannot be combined with mode sum: records are only added up; remove it; a record that takes something away has a negative number',
  ],
]

/** After {@link least}, or in place of one of its members: what a JSON schema can see as well. */
export const faultyMembers: readonly (readonly [text: string, fault: string])[] = [
  ['migrations: a', '6:1: migrations: is unknown; known here: '],
  ['colums: {}', '6:1: colums: is unknown; did you mean columns?'],
  [
    'name: Orders',
    '1:1: name: must be at most 50 lower-case letters, digits and hyphens, beginning with a letter, not "Orders"',
  ],
  [`name: ${'a'.repeat(51)}`, '1:1: name: must be at most 50 lower-case'],
  [
    'name: 5',
    '1:1: name: must be at most 50 lower-case letters, digits and hyphens, beginning with a letter, not 5',
  ],
  ['subscription: googsub', '2:1: subscription: must be an id of 3 to 255'],
  [
    'subscription: projects/p/topics/orders',
    '2:1: subscription: must be an id of 3 to 255 letters, digits and -_.~+% that begins with a letter, but not with goog; or projects/PROJECT/subscriptions/ID, not "projects/p/topics/orders"',
  ],
  ['topic: ab', '6:1: topic: must be an id of 3 to 255'],
  ['topic: projects//topics/orders', '6:1: topic: must be an id'],
  [
    'table: [orders]',
    '3:1: table: must be a name, with or without its schema, of at most 63 bytes each, not ["orders"]',
  ],
  ['key: []', '4:1: key: names no column'],
  ['key: ""', '4:1: key: must be a name of 1 to 63 bytes, not ""'],
  ['key: [a, 5]', '4:10: key[1]: must be a name of 1 to 63 bytes, not 5'],
  ['key: [a, a]', '4:10: key[1]: names "a" twice; remove one of them'],
  [`key: ${'k'.repeat(64)}`, '4:1: key: must be a name of 1 to 63 bytes, not "kkk'],
  ['key: { a: b }', '4:1: key: must be a column, or a list of columns, not {"a":"b"}'],
  ['version: []', '5:1: version: names no column'],
  ['version: [a, a]', '5:14: version[1]: names "a" twice; remove one of them'],
  ['mode: newst', '6:1: mode: must be newest, append or sum, not "newst"; did you mean newest?'],
  ['mode: insert', '6:1: mode: must be newest, append or sum, not "insert"; did you mean append?'],
  ['mode: [sum]', '6:1: mode: must be newest, append or sum, not ["sum"]'],
  ['format: avro', '6:1: format: "avro" comes with a later version'],
  ['format: protobuf', '6:1: format: "protobuf" comes with a later version'],
  ['envelope: cloudevents', '6:1: envelope: "cloudevents" comes with a later version'],
  ['envelope: debezium', '6:1: envelope: "debezium" comes with a later version'],
  ['others: left', '6:1: others: must be field or skip, not "left"'],
  ['split: [items]', '6:1: split: must be a path, not ["items"]'],
  ['$schema: 1', '6:1: $schema: must be where the JSON schema is, not 1'],
  // Columns.
  ['columns: [a]', '6:1: columns: must be an object with a member for each column, not ["a"]'],
  ['columns: { a: 5 }', '6:12: columns.a: must be a path, a list of paths, or an object, not 5'],
  ['columns: { a: [] }', '6:12: columns.a: has no path'],
  ['columns: { a: [b, 5] }', '6:19: columns.a[1]: must be a path, or an object with a path, not 5'],
  [
    'columns: { a: [{ path: b, value: 1 }] }',
    '6:27: columns.a[0].value: is unknown; known here: path, unit,',
  ],
  ['columns: { a: {} }', '6:12: columns.a: needs one of path, value, skip'],
  ['columns: { a: { default: 1 } }', '6:12: columns.a: needs one of path, value, skip'],
  ['columns: { a: { path: b, defualt: 1 } }', '6:26: columns.a.defualt: is unknown; did you mean default?'],
  ['columns: { a: { path: [b] } }', '6:17: columns.a.path: must be a path, not ["b"]'],
  [
    'columns: { a: { path: b, optional: "yes" } }',
    '6:26: columns.a.optional: must be true or false, not "yes"',
  ],
  ['columns: { a: { skip: false } }', '6:17: columns.a.skip: must be true, or left out, not false'],
  [
    'columns: { a: { path: b, unit: sec } }',
    '6:26: columns.a.unit: must be s, ms, us or ns, not "sec"; did you mean s?',
  ],
  [
    'columns: { a: { path: b, unit: millis } }',
    '6:26: columns.a.unit: must be s, ms, us or ns, not "millis"; did you mean ms?',
  ],
  [
    'columns: { a: { path: b, encoding: base-64 } }',
    '6:26: columns.a.encoding: must be base64, base64url or hex, not "base-64"; did you mean base64?',
  ],
  [
    'columns: { a: { path: b, timezone: "+16:00" } }',
    '6:26: columns.a.timezone: must be UTC, an offset such as +02:00, or an IANA name, not "+16:00"; write hours',
  ],
  ['columns: { a: { path: b, timezone: "+02" } }', '6:26: columns.a.timezone: must be UTC'],
  ['columns: { a: { path: b, timezone: 2 } }', '6:26: columns.a.timezone: must be a time zone, not 2'],
  [
    'columns: { a: { value: 1, path: b } }',
    '6:27: columns.a.path: cannot be combined with value; remove one of them',
  ],
  [
    'columns: { a: { value: null, default: b } }',
    '6:30: columns.a.default: cannot be combined with value; remove one of them',
  ],
  [
    'columns: { a: { skip: true, optional: true } }',
    '6:29: columns.a.optional: cannot be combined with skip; remove one of them',
  ],
  [
    'columns: { a: { skip: true, value: 1 } }',
    '6:29: columns.a.value: cannot be combined with skip; remove one of them',
  ],
  [
    'columns: { a: { path: b, default: null, optional: true } }',
    '6:41: columns.a.optional: cannot be combined with default; remove one of them',
  ],
  [
    'columns: { a: [b, { path: c, default: 1, optional: true }] }',
    '6:42: columns.a[1].optional: cannot be combined with default; remove one of them',
  ],
  [
    'columns: { a: { path: b, unit: s, encoding: hex } }',
    '6:35: columns.a.encoding: cannot be combined with unit: one is of times, the other of bytes; remove one of them',
  ],
  [
    'columns: { a: { path: b, timezone: UTC, encoding: hex } }',
    '6:41: columns.a.encoding: cannot be combined with timezone: one is of times, the other of bytes; remove one of them',
  ],
  // Conditions.
  ['where: a', '6:1: where: must be a condition, or a list of conditions, not "a"'],
  ['where: []', '6:1: where: has no condition'],
  ['where: [5]', '6:9: where[0]: must be a condition, such as { path: type, equals: order }, not 5'],
  ...['empty', 'expired', 'undeclared'].map(
    (name) =>
      [
        `where: { name: ${name}, path: a, exists: true }`,
        `6:10: where.name: "${name}" is a rule of the ingester itself; give it another name`,
      ] as const,
  ),
  [
    'where: [{ name: empty, path: a, exists: true }]',
    '6:11: where[0].name: "empty" is a rule of the ingester itself',
  ],
  ['delete: { when: { path: a, equal: D } }', '6:28: delete.when.equal: is unknown; did you mean equals?'],
  ['columns: { a: { pth: b } }', '6:17: columns.a.pth: is unknown; did you mean path?'],
  ['where: {}', '6:1: where: is not a condition: it needs one of equals, in, exists, not, all, any'],
  ['where: { path: a }', '6:1: where: is not a condition: it needs one of equals'],
  ['where: { equals: a }', '6:1: where.path: is missing: equals looks at a field'],
  [
    'where: { path: a, equals: [b] }',
    '6:19: where.equals: must be a text, a number, true, false or null, not ["b"]; for one of several values write in: […]',
  ],
  [
    'where: { path: a, equals: { b: 1 } }',
    '6:19: where.equals: must be a text, a number, true, false or null, not {"b":1}',
  ],
  ['where: { path: a, in: b }', '6:19: where.in: must be a list of values, not "b"'],
  ['where: { path: a, in: [] }', '6:19: where.in: has no value'],
  ['where: { path: a, in: [1, [2]] }', '6:27: where.in[1]: must be a text'],
  ['where: { path: a, exists: 1 }', '6:19: where.exists: must be true or false, not 1'],
  [
    'where: { path: a, equals: 1, in: [1] }',
    '6:30: where.in: cannot be combined with equals: several conditions go into all or any; remove one of them',
  ],
  [
    'where: { path: a, not: { path: b, equals: 1 } }',
    '6:10: where.path: cannot be combined with not: the conditions in it have their own; remove one of them',
  ],
  ['where: { not: { pth: b, equals: 1 } }', '6:17: where.not.pth: is unknown; did you mean path?'],
  ['where: { not: [] }', '6:10: where.not: must be a condition'],
  ['where: { all: [] }', '6:10: where.all: has no condition'],
  ['where: { all: { path: b, equals: 1 } }', '6:10: where.all: must be a list of conditions, not {'],
  [
    'where: { any: [{ path: b, equals: 1, name: c }] }',
    '6:38: where.any[0].name: is unknown; known here: path',
  ],
  ['where: { name: A, path: b, equals: 1 }', '6:10: where.name: must be at most 50 lower-case'],
  ['delete: hard', '6:1: delete: must be an object such as { when: { path: op, equals: D } }, not "hard"'],
  ['delete: { mode: hard }', '6:1: delete.when: is missing: a condition, such as'],
  [
    'delete: { when: { path: a, equals: 1 }, mode: soft }',
    '6:41: delete.mode: must be hard, or { column: deleted_at }, not "soft"',
  ],
  [
    'delete: { when: { path: a, equals: 1 }, mode: { colum: b } }',
    '6:49: delete.mode.colum: is unknown; did you mean column?',
  ],
  [
    'delete: { when: { path: a, equals: 1 }, mode: { column: [b] } }',
    '6:49: delete.mode.column: must be a name of 1 to 63 bytes, not ["b"]',
  ],
]

/** {@link least} with the members of a line: one that is there already is replaced. */
export function withMembers(text: string): string {
  const [name = ''] = text.split(':', 1)
  const own = new RegExp(`^${RegExp.escape(name)}:.*$`, 'm')
  return own.test(least) ? least.replace(own, () => text) : `${least}${text}\n`
}
