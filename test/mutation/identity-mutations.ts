import type { Mutation } from './mutation.ts'

const identity = 'src/core/identity.ts'
const identified = 'src/pipeline/identified.ts'
const writer = 'src/postgres/applied/identified-writer.ts'
const sql = 'src/postgres/applied/identities-sql.ts'
const effects = 'src/postgres/applied/effects.ts'
const upkeep = 'src/postgres/applied/applied-upkeep.ts'
const migration = 'db/migrations/000005_create_applied_tables.sql'

/** Bugs of what counts once: identities, sums, rows that are appended. */
export const identityMutations: readonly Mutation[] = [
  {
    name: 'records folded before their identities are known',
    wouldDo: 'those of one key are one record: all but one of them are acked and never counted',
    edits: [
      {
        file: identified,
        before: '        key: identityKey(of, index),\n',
        after:
          "        key: table.mode === 'sum' ? shownValue(columns[0]?.of(row) ?? null) : identityKey(of, index),\n",
      },
      {
        file: identified,
        before: '    compare: (a, b) => (isSame(a, b) ? 0 : undefined),\n',
        after: "    compare: (a, b) => (table.mode === 'sum' || isSame(a, b) ? 0 : undefined),\n",
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'sums made before their identities are known',
    wouldDo: 'what is delivered again beside something new counts again',
    edits: [
      {
        file: effects,
        before:
          '    effect: `ARRAY[${columns.map((_, at) => `r."ingester value ${at + 1}"`).join(\', \')}]`,\n',
        after:
          '    effect: `ARRAY[r."ingester value 1", (sum(r."ingester value 2"::numeric) OVER (PARTITION BY r."ingester value 1"))::text]`,\n',
      },
      {
        file: sql,
        before: "  SELECT DISTINCT ON (${identity('g')}) g.*\n",
        after: '  SELECT DISTINCT ON (g."ingester effect"[1]) g.*\n',
      },
      {
        file: sql,
        before: "  ORDER BY ${identity('g')}),\n",
        after: '  ORDER BY g."ingester effect"[1]),\n',
      },
    ],
    suites: ['identities, real PostgreSQL'],
  },
  {
    name: 'sums over a join with what was given',
    wouldDo: 'a record that is in a batch twice counts twice',
    edits: [
      {
        file: effects,
        before:
          '"ingester applied" AS (SELECT effect FROM "ingester messages" UNION ALL SELECT effect FROM "ingester requests")',
        after: `"ingester applied" AS (
  SELECT g."ingester effect" AS effect FROM "ingester given" AS g JOIN "ingester messages" AS m
    ON m.message_id = g."ingester message" AND m.publish_time = g."ingester published" AND m.record_index = g."ingester index"
  UNION ALL
  SELECT g."ingester effect" FROM "ingester given" AS g JOIN "ingester requests" AS q
    ON q.request = g."ingester request" AND q.record_index = g."ingester index")`,
      },
    ],
    suites: ['identities, real PostgreSQL'],
  },
  {
    name: 'identity and row in two statements',
    wouldDo: 'what fails or dies in between is a duplicate from then on, and never counted',
    edits: [
      {
        file: effects,
        before: `  INSERT INTO \${quotedTable(table.name)} AS t (\${quoted([...keys, ...sums])})
  SELECT \${quoted([...keys, ...sums])} FROM "ingester sums" AS s
  ORDER BY \${ordered(table, 's.', key)}
  ON CONFLICT (\${quoted(keys)}) DO UPDATE SET \${added.join(', ')}
  RETURNING 1)`,
        after: `  SELECT \${quoted([...keys, ...sums])} FROM "ingester sums" AS s ORDER BY \${ordered(table, 's.', key)})`,
      },
      {
        file: effects,
        before:
          '    valuesOf: (records) => columns.map((column) => records.map(({ row }) => column.of(row))),\n',
        after: `    then: \`INSERT INTO \${quotedTable(table.name)} AS t (\${quoted(columns)}) VALUES (\${columns.map((_, at) => \`$\${at + 1}\`).join(', ')})
  ON CONFLICT (\${quoted(keys)}) DO UPDATE SET \${added.join(', ')}\`,
    valuesOf: (records) => columns.map((column) => records.map(({ row }) => column.of(row))),
`,
      },
      {
        file: writer,
        before: `    const { rows } = await runStatement<Answer>(this.#pool, statement, where, this.#table.name)
    return rows[0] as Answer
`,
        after: `    const { rows } = await runStatement<Answer>(this.#pool, statement, where, this.#table.name)
    const answer = rows[0] as Answer
    const { then: text } = this.#effect as { then?: string }
    for (const [at, record] of records.entries()) {
      if (text === undefined || !answer.ready || (answer.sink ?? answer.messages ?? answer.requests)) break
      if (answer.late.includes(at) || answer.duplicates.includes(at)) continue
      const values = this.#table.columns.map((column) => column.of(record.row))
      await runStatement(this.#pool, { text, values }, where, this.#table.name)
    }
    return answer
`,
      },
    ],
    suites: ['identities, real PostgreSQL'],
  },
  {
    name: 'identity without the index',
    wouldDo: 'of a message of several records only one counts',
    edits: [
      {
        file: identified,
        before: '        identity: { of, index },\n',
        after: '        identity: { of, index: 0 },\n',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'redrive with a new identity',
    wouldDo: 'records of a dead letter that have counted count again when it is published again',
    edits: [
      {
        file: 'src/dead-letters/redrive-batch.ts',
        before: '...(isGiven ? {} : repeatedBy(messageId, publishTime.getTime()))',
        after: '...(isGiven ? {} : {})',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'given identity ignored',
    wouldDo: 'what a publisher sends twice, without knowing whether it arrived, counts twice',
    edits: [
      {
        file: identity,
        before: "  return { kind: 'message', messageId: givenId, publishTimeMs: timeMs, isGiven: true }\n",
        after: "  return { kind: 'message', messageId, publishTimeMs: timeMs, isGiven: true }\n",
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'request key hashed with the day',
    wouldDo: 'a request that is retried after midnight counts twice',
    edits: [
      {
        file: 'src/gateway/request-identity.ts',
        before: "hash('sha256', JSON.stringify(parts))",
        after: "hash('sha256', JSON.stringify([...parts, Math.floor(nowMs / 86_400_000)]))",
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'partition dropped too early',
    wouldDo: 'messages that come in time become dead letters, since it is unknown whether they have counted',
    edits: [
      {
        file: migration,
        before: "  WHILE day + 2 <= (now() - horizon) AT TIME ZONE 'UTC' LOOP",
        after: "  WHILE day <= (now() - horizon) AT TIME ZONE 'UTC' LOOP",
      },
    ],
    suites: ['identities, real PostgreSQL'],
  },
  {
    name: 'duplicate counted as written',
    wouldDo: 'the counts say that more was written than was',
    edits: [
      {
        file: writer,
        before: '      written: records.length - late.length - duplicates.length,\n',
        after: '      written: records.length - late.length - reused.length,\n',
      },
      {
        file: writer,
        before: '      duplicates: duplicates.filter((at) => !isReused.has(at)),\n',
        after: '      duplicates: duplicates.filter((at) => at < 0),\n',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'what is too old taken all the same',
    wouldDo: 'it may have counted before, and counts again once that is forgotten',
    edits: [
      {
        file: sql,
        before: 'greatest(now() - ${horizon}, d.since) AS "ingester late"',
        after: 'greatest(now() - ${horizon} - interval \'99 years\', d.since) AS "ingester late"',
      },
    ],
    suites: ['identities, real PostgreSQL'],
  },
  {
    name: 'days that were dropped taken for known',
    wouldDo: 'a process with a longer horizon than another counts again what the other has forgotten',
    edits: [
      {
        file: sql,
        before: 'greatest(now() - ${horizon}, d.since) AS "ingester late"',
        after: '(now() - ${horizon}) AS "ingester late"',
      },
    ],
    suites: ['identities, real PostgreSQL'],
  },
  {
    name: 'identity that is there entered again',
    wouldDo: 'every delivery of a message counts',
    edits: [
      {
        file: sql,
        before:
          '  ON CONFLICT (publish_time, message_id, record_index, pipeline) DO UPDATE SET effect = a.effect WHERE false\n',
        after:
          '  ON CONFLICT (publish_time, message_id, record_index, pipeline) DO UPDATE SET effect = EXCLUDED.effect\n',
      },
    ],
    suites: ['identities, real PostgreSQL'],
  },
  {
    name: 'reuse looked up before the commit',
    wouldDo:
      'of two messages of a request with other values at once, one is acked as a duplicate of the other',
    edits: [
      {
        file: writer,
        before: `      const answer = await this.#examination.again(() => this.#attempt(records, this.#waits[wait]))
      return await this.#stored(records, answer)
`,
        after: `      const before = await reusedIdentities(
        this.#pool,
        this.#options.pipeline,
        records,
        [...records.keys()],
        this.#effect,
      )
      const answer = await this.#examination.again(() => this.#attempt(records, this.#waits[wait]))
      return await this.#stored(records, answer, before)
`,
      },
      {
        file: writer,
        before: '  async #stored(records: readonly KeyedRecord<R>[], answer: Answer): Promise<Stored> {\n',
        after:
          '  async #stored(records: readonly KeyedRecord<R>[], answer: Answer, before: RefusedRecord[]): Promise<Stored> {\n',
      },
      {
        file: writer,
        before: `    const reused = await reusedIdentities(
      this.#pool,
      this.#options.pipeline,
      records,
      duplicates,
      this.#effect,
    )
`,
        after: '    const reused = before.filter(({ at }) => duplicates.includes(at))\n',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'requests swept after the horizon alone',
    wouldDo: 'a request that is retried within its window counts twice',
    edits: [
      {
        file: upkeep,
        before: '[pipeline, `${windowMs} milliseconds`]',
        after: '[pipeline, `${windowMs * 0} milliseconds`]',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'requests swept after the window alone',
    wouldDo: 'a retry that is delivered late counts twice',
    edits: [
      {
        file: upkeep,
        before: 'first_used_at < (SELECT since FROM (${daysSql}) AS d) - $2::interval',
        after: 'first_used_at < now() - $2::interval',
      },
    ],
    suites: ['identities, real PostgreSQL'],
  },
  {
    name: 'room asked for what has counted',
    wouldDo: 'beside a value that has no room, what is delivered again becomes a dead letter',
    edits: [
      {
        file: 'src/postgres/applied/room.ts',
        before: '    WHERE r."ingester request" IS NULL AND a.pipeline = $6::text',
        after: '    WHERE r."ingester request" IS NOT NULL AND a.pipeline = $6::text',
      },
    ],
    suites: ['identities, real PostgreSQL'],
  },
  {
    name: 'retry of a request folded into one that is too old',
    wouldDo: 'the retry came in time, and is dead-lettered with the other',
    edits: [
      {
        file: identified,
        before: '(content === other.content && a?.publishTimeMs === b?.publishTimeMs)',
        after: 'content === other.content',
      },
    ],
    suites: ['simulation'],
  },
]
