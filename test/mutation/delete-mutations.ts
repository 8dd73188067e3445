import type { Mutation } from './mutation.ts'

const guards = 'src/postgres/key-guards.ts'
const writer = 'src/postgres/guarded-table-writer.ts'
const upsert = 'src/postgres/upsert.ts'
const entry = 'src/ingest/entry.ts'
const newest = 'src/pipeline/newest.ts'

/** Bugs of tables whose columns are of any type, whose versions have ties, and whose rows go. */
export const deleteMutations: readonly Mutation[] = [
  {
    name: 'guard and row decided by one snapshot',
    wouldDo: 'an insert that waited for a deletion does not see it: the row lives for ever',
    edits: [
      {
        file: guards,
        before: `    const entered = await this.#lock(client, records, keys, wait)
    if (entered === undefined) return undefined
    const { rows } = await runOn<{ at: number }>(client, {`,
        after: `    const looked = runOn<{ at: number }>(client, {
      name: names.newer,
      text: newerText,
      values: [
        this.#pipeline,
        keys,
        arrayLiteral(records.map(versionOf)),
        arrayLiteral(records.map((one) => String(one.isGone))),
      ],
    })
    const { rows } = await looked
    const entered = await this.#lock(client, records, keys, wait)
    if (entered === undefined) return undefined
    await runOn(client, {`,
      },
    ],
    suites: ['deletes, real PostgreSQL'],
  },
  {
    name: 'guard forgotten: a row locks none',
    wouldDo: 'an insert and a deletion of a key pass each other, and the older one stays',
    edits: [
      {
        file: writer,
        before: `    const admitted = await this.#guards.admit(client, this.#guarded(records), this.#waits[wait])
`,
        after: `    const admitted = records.some(({ guard }) => guard?.isGone)
      ? await this.#guards.admit(client, this.#guarded(records), this.#waits[wait])
      : { rows: records.map((_, at) => at), deletions: [], entered: 0 }
`,
      },
    ],
    suites: ['deletes, real PostgreSQL'],
  },
  {
    name: 'guard forgotten: a deletion enters none',
    wouldDo: 'a late older message brings the row back',
    edits: [
      {
        file: guards,
        before: `WHERE EXCLUDED.deleted_version > coalesce(g.deleted_version, '{}')
RETURNING deleted_version)`,
        after: `WHERE EXCLUDED.deleted_version > coalesce(g.deleted_version, '{}') AND g.deleted_version IS NOT NULL
RETURNING deleted_version)`,
      },
    ],
    suites: ['deletes, real PostgreSQL'],
  },
  {
    name: 'guards swept too early',
    wouldDo: 'an older message that is still on its way brings the row back',
    edits: [
      {
        file: 'src/postgres/guard-sweep.ts',
        before: "deleted_at < now() - $2::interval - interval '${margin}'",
        after: 'deleted_at < now() - $2::interval * 0',
      },
    ],
    suites: ['deletes, real PostgreSQL'],
  },
  {
    name: 'between equal versions the row wins over the deletion',
    wouldDo: 'the engine and the table disagree on which of the two counts',
    edits: [
      {
        file: guards,
        before: 'WHERE r.version::bigint[] > deleted.version OR',
        after: 'WHERE r.version::bigint[] >= deleted.version OR',
      },
    ],
    suites: ['deletes, real PostgreSQL', 'merge and sink, real PostgreSQL'],
  },
  {
    name: 'a deletion takes rows that are newer',
    wouldDo: 'a late deletion removes a row that came back after it',
    edits: [
      {
        file: 'src/postgres/delete-rows.ts',
        before: ">= (${ordered(table, 't.', table.version)})) IS NOT FALSE`\n  const mark",
        after: ">= (${ordered(table, 't.', table.version)})) IS NOT NULL`\n  const mark",
      },
    ],
    suites: ['deletes, real PostgreSQL', 'merge and sink, real PostgreSQL'],
  },
  {
    name: 'rows that are older than a deletion written all the same',
    wouldDo: 'what was deleted comes back with any message that is older',
    edits: [
      {
        file: guards,
        before: '    return { rows: newer.filter((at) => !isGone(at)), deletions',
        after: '    return { rows: [...records.keys()].filter((at) => !isGone(at)), deletions',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'a tie folded by the engine',
    wouldDo: 'of equal versions with other content the one that came first stays, whichever that is',
    edits: [
      {
        file: entry,
        before: `  const order = merge.compare(arrival.record, entry.winner.record)
  if (order === undefined) {`,
        after: `  const order = merge.compare(arrival.record, entry.winner.record) ?? -1
  if (order === undefined) {`,
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'what is tied settled with the winner',
    wouldDo: 'it is acked without having been written',
    edits: [
      {
        file: 'src/ingest/flush.ts',
        before: `  settleCommitted(taken, duplicatesAmong(due, stored), stored, ledger)
  readmitTied(taken, readmit)`,
        after: `  settleCommitted(taken, duplicatesAmong(due, stored), stored, ledger)
  for (const { tied } of taken) ledger.settle(tied, 'coalesced')`,
      },
    ],
    suites: ['every delivery'],
  },
  {
    name: 'a tie left to the order of arrival',
    wouldDo: 'two replicas that met the same messages in another order have other tables',
    edits: [
      {
        file: upsert,
        before: "pg_catalog.record_image_gt(${row('EXCLUDED.')}, ${row('t.')}) ELSE",
        after: 'false ELSE',
      },
    ],
    suites: ['merge and sink, real PostgreSQL', 'deletes, real PostgreSQL'],
  },
  {
    name: 'NULL in the version of a row taken for newer',
    wouldDo: 'a row that others have written never changes, and all that comes for it is acked as stale',
    edits: [
      {
        file: upsert,
        before: '  const isNewer = `((${given}) > (${standing})) IS NOT FALSE`',
        after: '  const isNewer = `((${given}) > (${standing})) IS TRUE`',
      },
    ],
    suites: ['deletes, real PostgreSQL'],
  },
  {
    name: 'only the first column of a version compared',
    wouldDo: 'an older record wins over a newer one of the same first column',
    edits: [
      {
        file: newest,
        before: '    for (const rankOf of ranks) {',
        after: '    for (const rankOf of ranks.slice(0, 1)) {',
      },
    ],
    suites: ['merge and sink, real PostgreSQL', 'deletes, real PostgreSQL'],
  },
  {
    name: 'a numeric through a double',
    wouldDo: '123456789012345678.12 is stored as 123456789012345680',
    edits: [
      {
        file: 'src/pipeline/values/numerics.ts',
        before: "return faultOf(value, decimal) ?? (typeof value === 'number' ? value : text)",
        after: 'return faultOf(value, decimal) ?? Number(text)',
      },
    ],
    suites: ['column values, real PostgreSQL'],
  },
  {
    name: 'microseconds cut',
    wouldDo: 'two versions of one millisecond are one, and times lose digits',
    edits: [
      {
        file: 'src/pipeline/values/times.ts',
        before: '  return clock + cutFraction(fraction, precision)',
        after: '  return clock + cutFraction(fraction, Math.min(precision, 3))',
      },
    ],
    suites: ['column values, real PostgreSQL'],
  },
  {
    name: 'an array flattened',
    wouldDo: 'the elements of one row become values of others',
    edits: [
      {
        file: 'src/postgres/column-sql.ts',
        before: '  return type.isArray ? `${value}::${bareType(type)}` : value',
        after: '  return type.isArray ? `ARRAY[${value}]` : value',
      },
    ],
    suites: ['merge and sink, real PostgreSQL'],
  },
]
