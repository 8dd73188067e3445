import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import {
  faultyMembers,
  faultyOfMode,
  least,
  leastOf,
  validMappings,
  withMembers,
} from '../../../test/support/mapping-files.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { Mapping } from './mapping.ts'
import { MappingError } from './mapping-error.ts'
import { parseMapping } from './read-mapping.ts'

const mappingOf = (text: string, file = 'orders.yaml') => parseMapping(text, file).mapping

/** The message's lines, without the file's name. */
function faultsIn(text: string, file = 'f.yaml'): string[] {
  try {
    parseMapping(text, file)
  } catch (error) {
    assert.ok(error instanceof MappingError, String(error))
    const lines = error.message.split('\n')
    assert.equal(lines.length, error.faults.length, 'a fault has one line')
    return lines.map((line) => line.replace(`${file}:`, ''))
  }
  return []
}

function expectFaults(text: string, ...faults: readonly string[]) {
  assert.deepEqual(faultsIn(text), faults)
}

describe('valid', () => {
  for (const [what, text] of Object.entries(validMappings)) {
    test(what, () => assert.equal(mappingOf(text).name, 'orders'))
  }
})

test('what is left out has its default', () => {
  assert.deepEqual(mappingOf(least), {
    name: 'orders',
    topic: 'orders',
    subscription: 'orders-sub',
    table: 'sales.orders',
    mode: 'newest',
    key: ['order_id'],
    version: ['updated_at'],
    takesOthers: true,
    columns: new Map(),
    where: [],
  } satisfies Mapping)
})

test('everything that is said of the whole is in the mapping', () => {
  const id = (name: string) => ({ from: 'element', segments: [name] }) as const
  assert.deepEqual(mappingOf(validMappings['everything about the whole'] ?? ''), {
    name: 'orders',
    topic: 'projects/my-project/topics/orders',
    subscription: 'projects/example.com:my-project/subscriptions/orders-sub',
    table: '"sales.eu".orders',
    mode: 'newest',
    key: ['shop', 'order_id'],
    version: ['updated_at', 'revision'],
    takesOthers: false,
    columns: new Map([
      [
        'shop',
        { kind: 'paths', paths: [{ path: { from: 'attributes', name: 'shop' } }], missing: 'rejected' },
      ],
      ['order_id', { kind: 'paths', paths: [{ path: id('id') }], missing: 'rejected' }],
      [
        'updated_at',
        {
          kind: 'paths',
          paths: [{ path: { from: 'message', segments: ['updated'] } }],
          missing: 'rejected',
        },
      ],
      ['revision', { kind: 'paths', paths: [{ path: id('revision') }], missing: { json: '0' } }],
      ['deleted_at', { kind: 'paths', paths: [{ path: { from: 'publishTime' } }], missing: 'rejected' }],
    ]),
    split: { from: 'message', segments: ['items'] },
    where: [
      { name: 'where-1', condition: { kind: 'in', path: id('type'), values: [{ json: '"order"' }] } },
      {
        name: 'real',
        condition: {
          kind: 'not',
          condition: {
            kind: 'in',
            path: { from: 'message', segments: ['test'] },
            values: [{ json: 'true' }],
          },
        },
      },
    ],
    delete: {
      when: { kind: 'in', path: id('op'), values: [{ json: '"D"' }, { json: '"T"' }] },
      column: 'deleted_at',
    },
  } satisfies Mapping)
})

test('each source of a column is in the mapping, in the order of the file', () => {
  const { columns } = mappingOf(validMappings['every source of a column'] ?? '')
  const paths = (...paths: readonly object[]) => ({ kind: 'paths', paths, missing: 'rejected' })
  const at = (...segments: readonly string[]) => ({ path: { from: 'element', segments } })
  assert.deepEqual(
    [...columns],
    [
      ['customer_id', paths(at('customer', 'id'))],
      ['total', { ...paths(at('total')), missing: { json: '0.10' } }],
      ['lines', { ...paths(at('lines')), missing: { json: '[]' } }],
      ['tags', { ...paths(at('tags')), missing: 'null' }],
      ['required', paths(at('required'))],
      ['received_at', paths({ path: { from: 'publishTime' } })],
      ['source', { kind: 'value', value: { json: '"web"' } }],
      ['nothing', { kind: 'value', value: { json: 'null' } }],
      ['nested', { kind: 'value', value: { json: '{"a":[1,{"b":null}]}' } }],
      ['created_at', { kind: 'skip' }],
      ['seen_at', paths({ ...at('ts'), unit: 'ms' })],
      ['local', paths({ ...at('when'), timezone: 'Europe/Berlin' })],
      ['offset', paths({ ...at('when'), timezone: '+15:59' })],
      ['body', paths({ ...at('body'), encoding: 'base64url' })],
      [
        'response',
        paths(at('data', 'response_str'), { ...at('data', 'response_bytes_utf8'), encoding: 'base64' }),
      ],
      ['last', { ...paths({ ...at('a'), unit: 's' }, at('b')), missing: { json: '"1970-01-01T00:00:00Z"' } }],
      ['a column: with #all', paths(at('a.b'))],
    ],
  )
})

test('each condition is in the mapping', () => {
  const at = (...segments: readonly string[]) => ({ from: 'element', segments })
  const mapping = mappingOf(validMappings['every condition'] ?? '')
  assert.deepEqual(mapping.where, [
    {
      name: 'where',
      condition: {
        kind: 'all',
        conditions: [
          { kind: 'in', path: at('type'), values: [{ json: '"order"' }] },
          {
            kind: 'in',
            path: { from: 'attributes', name: 'kind' },
            values: ['"a"', '1', '1.0', 'true', 'null'].map((json) => ({ json })),
          },
          {
            kind: 'any',
            conditions: [
              { kind: 'exists', path: at('a') },
              { kind: 'not', condition: { kind: 'exists', path: at('b') } },
              {
                kind: 'not',
                condition: {
                  kind: 'not',
                  condition: { kind: 'in', path: at('c'), values: [{ json: 'null' }] },
                },
              },
            ],
          },
        ],
      },
    },
  ])
  assert.deepEqual(mapping.delete, { when: { kind: 'in', path: at('op'), values: [{ json: '"D"' }] } })
})

describe('the digits of a number stay', () => {
  for (const number of [
    '0.10',
    '9007199254740993',
    '-0',
    '1e0',
    '1E+400',
    '123456789012345678901234567890.5',
    '1.50e-7',
  ]) {
    test(number, () => {
      const yaml = `${least}columns: { a: { path: a, default: ${number} }, b: { value: [${number}] } }\n`
      const json = `{"name":"orders","subscription":"orders-sub","table":"t","key":"a","version":"b","where":{"path":"p","in":[${number}]}}`
      const { columns } = mappingOf(yaml)
      const [a, b] = [columns.get('a'), columns.get('b')]
      assert.deepEqual(a?.kind === 'paths' && a.missing, { json: number })
      assert.deepEqual(b?.kind === 'value' && b.value, { json: `[${number}]` })
      const [rule] = mappingOf(json, 'orders.json').where
      assert.deepEqual(rule?.condition.kind === 'in' && rule.condition.values, [{ json: number }])
    })
  }
})

test('where rows are appended there is neither key nor version, and where they are added up no version', () => {
  const append = mappingOf(validMappings['records that are appended'] ?? '')
  assert.deepEqual([append.mode, append.key, append.version], ['append', [], []])
  const sum = mappingOf(validMappings['sums'] ?? '')
  assert.deepEqual([sum.mode, sum.key, sum.version], ['sum', ['customer', 'day'], []])
  assert.deepEqual(sum.columns.get('orders'), { kind: 'value', value: { json: '1' } })
})

test('columns keep the order of the file, also where their names are numbers or those of objects in JavaScript', () => {
  const names = ['b', '"2"', '"1"', 'constructor', 'toString', 'hasOwnProperty']
  const { columns } = mappingOf(`${least}columns: { ${names.map((name) => `${name}: p`).join(', ')} }\n`)
  assert.deepEqual([...columns.keys()], ['b', '2', '1', 'constructor', 'toString', 'hasOwnProperty'])
})

describe('a member that is wrong by itself', () => {
  for (const [text, fault] of faultyMembers) {
    test(text, () => {
      const [only, ...more] = faultsIn(withMembers(text))
      assert.deepEqual(more, [])
      assert.equal(only?.slice(0, fault.length), fault)
    })
  }

  for (const name of ['name', 'subscription', 'table', 'key', 'version']) {
    test(`${name} is missing`, () => {
      const [only, ...more] = faultsIn(least.replace(new RegExp(`^${name}:.*\n`, 'm'), ''))
      assert.deepEqual(more, [])
      assert.match(only ?? '', new RegExp(`^1:1: ${name}: is missing: `))
    })
  }

  for (const [text, fault] of [
    ['table: a.b.c', '3:1: table: must be a name, with or without its schema'],
    [
      'key: [ä234567890123456789012345678901234567890123456789012345678901234]',
      '4:7: key[0]: must be a name of 1 to 63',
    ],
    [
      'split: $element.a',
      '6:1: split: must be the path of an array in the message, not "$element.a"; for example items',
    ],
    ['split: $publishTime', '6:1: split: must be the path of an array in the message'],
    ['split: a..b', '6:1: split: "a..b" is not a path: a name is missing beside a dot; remove the dot'],
    [
      'columns: { a: b..c }',
      '6:12: columns.a: "b..c" is not a path: a name is missing beside a dot; remove the dot',
    ],
    [
      'columns: { a: [b, { path: $foo }] }',
      '6:21: columns.a[1].path: "$foo" is not a path: $foo is unknown; write one of',
    ],
    [
      'columns: { a: "__proto__.b" }',
      '6:12: columns.a: "__proto__.b" is refused: no path may name __proto__',
    ],
    [
      'columns: { a: { path: b, timezone: Europe/Berln } }',
      '6:26: columns.a.timezone: must be UTC, an offset such as +02:00, or an IANA name, not "Europe/Berln"; did you mean Europe/Berlin?',
    ],
    [
      'columns: { a: { path: b, timezone: utc } }',
      '6:26: columns.a.timezone: must be UTC, an offset such as +02:00, or an IANA name, not "utc"; write UTC',
    ],
    [
      'columns: { a: { path: b, timezone: Mars } }',
      '6:26: columns.a.timezone: must be UTC, an offset such as +02:00, or an IANA name, not "Mars"; for example Europe/Berlin',
    ],
    [
      'where: { path: $data, equals: x }',
      '6:10: where.path: is all of the message, which equals nothing; name a field of it',
    ],
    [
      'where: { path: $messageId, exists: false }',
      '6:10: where.path: is $messageId, which every message has; remove the condition',
    ],
    [
      'columns: { a: { path: $publishTime, unit: s } }',
      '6:37: columns.a.unit: means nothing for $publishTime, which is a time; remove it',
    ],
    [
      'columns: { a: [{ path: $publishTime, encoding: hex }] }',
      '6:38: columns.a[0].encoding: means nothing for $publishTime',
    ],
    [
      'columns: { a: [{ path: b, default: 1 }, c] }',
      '6:27: columns.a[0].default: stands at the last path of a list only; move it there',
    ],
    [
      'columns: { a: [{ path: b, optional: true }, c] }',
      '6:27: columns.a[0].optional: stands at the last path of a list only',
    ],
    [
      `columns: { ${'k'.repeat(64)}: b }`,
      `6:12: columns.${'k'.repeat(64)}: is no column: it must be a name of 1 to 63 bytes`,
    ],
    ['columns: { "": b }', '6:12: columns."": is no column'],
    ['columns: { "a.b": 5 }', '6:12: columns."a.b": must be a path'],
    ['where: { path: a.., exists: true }', '6:10: where.path: "a.." is not a path'],
  ] as const) {
    test(text, () => {
      const [only, ...more] = faultsIn(withMembers(text))
      assert.deepEqual(more, [])
      assert.equal(only?.slice(0, fault.length), fault)
    })
  }
})

describe('what a mode refuses or needs', () => {
  for (const [mode, text, fault] of faultyOfMode)
    test(`${mode}: ${text}`, () => expectFaults(`${leastOf[mode]}${text}\n`, fault))

  test('sums have a key', () => {
    expectFaults(
      leastOf.sum.replace(/^key:.*\n/m, ''),
      '1:1: key: is missing: a column, or a list of columns',
    )
  })

  test('a key with a typo in its name is not missing as well', () => {
    expectFaults(leastOf.sum.replace('key:', 'keys:'), '5:1: keys: is unknown; did you mean key?')
  })

  test('all of it at once, beside other faults', () => {
    expectFaults(
      `${leastOf.append}key: [a, a]\nversion: a\ndelete: { when: { path: p, exists: true } }\nname: Orders\n`.replace(
        /^name: orders\n/,
        '',
      ),
      ...['4:1: key', '5:1: version', '6:1: delete'].map((at) =>
        faultyOfMode
          .filter(([mode]) => mode === 'append')
          .map(([, , fault]) => fault)
          .filter((fault) => at.endsWith(fault.split(': ')[1] ?? '?'))
          .join()
          .replace(/^\d+:1/, at.slice(0, 3)),
      ),
      '7:1: name: must be at most 50 lower-case letters, digits and hyphens, beginning with a letter, not "Orders"',
    )
  })

  test('what is added up is never missing, but the key may be said like any column', () => {
    expectFaults(
      `${leastOf.sum}columns:
  customer: customer.id
  total: { path: total, optional: true }
  paid: [paid, { path: sum, optional: true }]
  refunds: { path: refunds, optional: false }
  orders: { path: orders, default: 1 }
`,
      '8:25: columns.total.optional: "total" is added up, and nothing can be added to a sum that is NULL; write default: 0 instead',
      '9:29: columns.paid[1].optional: "paid" is added up, and nothing can be added to a sum that is NULL; write default: 0 instead',
    )
  })

  test('a mode that is no word needs nothing', () => {
    expectFaults(
      leastOf.append.replace('append', 'appand'),
      '4:1: mode: must be newest, append or sum, not "appand"; did you mean append?',
    )
  })
})

describe('members that do not fit together', () => {
  test('the version is not part of the key', () => {
    expectFaults(
      withMembers('version: [order_id, b]'),
      '5:11: version[0]: names "order_id", which is part of the key; remove it',
    )
  })

  test('the column that marks rows as gone is not part of key or version', () => {
    const deletes = (column: string) =>
      withMembers(`delete: { when: { path: a, exists: true }, mode: { column: ${column} } }`)
    expectFaults(
      deletes('order_id'),
      '6:52: delete.mode.column: names "order_id", which is part of the key; name another column',
    )
    expectFaults(
      deletes('updated_at'),
      '6:52: delete.mode.column: names "updated_at", which is part of the version; name another column',
    )
    expectFaults(deletes('deleted_at'))
  })

  test('what key, version and delete need is not skipped', () => {
    const skipped = `delete: { when: { path: a, exists: true }, mode: { column: gone } }
columns:
  order_id: { skip: true }
  updated_at: { skip: true }
  gone: { skip: true }
  other: { skip: true }`
    expectFaults(
      withMembers(skipped),
      '8:15: columns.order_id.skip: is refused: key needs this column; write its path',
      '9:17: columns.updated_at.skip: is refused: version needs this column; write its path',
      '10:11: columns.gone.skip: is refused: delete needs this column; write its path',
    )
  })

  test('with others: skip, what key, version and delete need is taken all the same', () => {
    const text = 'others: skip\ndelete: { when: { path: a, exists: true }, mode: { column: gone } }'
    expectFaults(withMembers(text))
  })

  test('a topic without a name of its own needs a name that can be one', () => {
    const [only, ...more] = faultsIn(withMembers('name: ab'))
    assert.deepEqual(more, [])
    assert.equal(
      only,
      '1:1: topic: is missing: without it the topic is "ab", and an id of a topic has 3 to 255 characters, and does not begin with goog; name the topic',
    )
    expectFaults(`${withMembers('name: ab')}topic: abc\n`)
    assert.match(faultsIn(withMembers('name: google-x'))[0] ?? '', /topic: is missing/)
  })

  test('rules have different names, also where one has that which another has by default', () => {
    const text = withMembers(`where:
  - { path: a, exists: true }
  - { name: b, path: a, exists: true }
  - { name: b, path: a, exists: true }
  - { name: where-1, path: a, exists: true }
  - { name: where-6, path: a, exists: true }
  - { path: a, exists: true }`)
    expectFaults(
      text,
      '9:7: where[2].name: has the name "b" twice; give it another name',
      '10:7: where[3].name: has the name "where-1" twice; give it another name',
      '12:5: where[5]: has the name "where-6" twice; give it another name',
    )
  })

  test('$element and $message mean something only with split, wherever they are', () => {
    const paths = `columns:
  a: $element
  b: [c, $message.d]
  e: { path: '$message."f.g"' }
where: { all: [{ not: { path: '$message[0]', exists: true } }] }
delete: { when: { any: [{ path: $message, exists: true }] } }
`
    expectFaults(
      withMembers(paths),
      '7:3: columns.a: "$element" means something only with split; all of the message is $data',
      '8:10: columns.b[1]: "$message.d" means something only with split; write d',
      '9:8: columns.e.path: "$message.\\"f.g\\"" means something only with split; write "f.g"',
      '10:25: where.all[0].not.path: "$message[0]" means something only with split; write $element[0]',
      '11:27: delete.when.any[0].path: "$message" means something only with split; all of the message is $data',
    )
    assert.deepEqual(faultsIn(withMembers(`split: $message\n${paths}`)), [])
  })
})

test('all faults are found at once, in the order of the file', () => {
  expectFaults(
    `name: Orders
subscription: orders-sub
table: orders
key: [a, a]
version: a
columns:
  total: { path: total, unit: sec, default: 1, optional: true }
  x: $message.y
  y:
  z: 0x1F
  __proto__: a
delete: { when: { path: p, exists: true }, mode: { column: a } }
format: avro
extra: 1
`,
    '1:1: name: must be at most 50 lower-case letters, digits and hyphens, beginning with a letter, not "Orders"',
    '4:10: key[1]: names "a" twice; remove one of them',
    '5:1: version: names "a", which is part of the key; name another column',
    '7:25: columns.total.unit: must be s, ms, us or ns, not "sec"; did you mean s?',
    '7:48: columns.total.optional: cannot be combined with default; remove one of them',
    '8:3: columns.x: "$message.y" means something only with split; write y',
    '9:3: columns.y: is empty; write a value, or leave it out',
    '10:3: columns.z: is 0x1F, a number that JSON does not have; write 31, or "0x1F" for a text',
    '11:3: columns.__proto__: is refused as a name',
    '12:52: delete.mode.column: names "a", which is part of the key; name another column',
    '12:52: delete.mode.column: names "a", which is part of the version; name another column',
    '13:1: format: "avro" comes with a later version; remove the line, or use a module (docs/PIPELINES.md)',
    '14:1: extra: is unknown; known here: $schema, name, subscription, topic, table, mode, format, envelope, key, version, others, split, where, delete, columns',
  )
})

test('a fault is an error of the configuration, with its parts', () => {
  try {
    parseMapping(withMembers('modee: newest'), 'dir/orders.yaml')
    assert.fail('there is a fault')
  } catch (error) {
    assert.ok(error instanceof MappingError && error instanceof ConfigurationError)
    assert.deepEqual(error.faults, [
      { line: 6, column: 1, member: 'modee', what: 'is unknown', fix: 'did you mean mode?' },
    ])
    assert.equal(error.message, 'dir/orders.yaml:6:1: modee: is unknown; did you mean mode?')
  }
})

test('a place is that of the member, or of the nearest one above it that exists', () => {
  const { placeOf } = parseMapping(
    `# A comment
name: orders
subscription: orders-sub
table: orders
key:
  - order_id
  -   line
version: updated_at
columns:
  total: { path: total,   default: 0 }
`,
    'f.yaml',
  )
  for (const [path, line, column] of [
    [[], 2, 1],
    [['name'], 2, 1],
    [['key'], 5, 1],
    [['key', 0], 6, 5],
    [['key', 1], 7, 7],
    [['key', 2], 5, 1],
    [['columns'], 9, 1],
    [['columns', 'total'], 10, 3],
    [['columns', 'total', 'default'], 10, 27],
    [['columns', 'total', 'unit'], 10, 3],
    [['columns', 'toString'], 9, 1],
    [['columns', 'other', 'path'], 9, 1],
    [['where', 0, 'name'], 2, 1],
  ] as const) {
    assert.deepEqual(placeOf(path), { line, column }, path.join('.'))
  }
})
