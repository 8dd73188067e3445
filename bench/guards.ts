// What it costs that deleted rows stay deleted: the same records through the writer of a pipeline that never deletes, and of
// one that may, in turns. `bin/project-node bench/guards.ts --help` lists the options.
import { parseArgs } from 'node:util'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { noLogger } from '#core/logger.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { Sink } from '#core/sink.ts'
import { newest } from '#pipeline/newest.ts'
import { GuardedTableWriter } from '#postgres/guarded-table-writer.ts'
import { migrate } from '#postgres/migrations.ts'
import { createPool } from '#postgres/pool.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { migrationsDir } from '#runtime/project.ts'
import { startPostgres } from '#stack/postgres.ts'
import { table as tableText } from '../cmd/ingester/table.ts'
import { cpuSeconds } from './process-usage.ts'
import { spreadOf } from './statistics.ts'

const help = `Usage: bin/project-node bench/guards.ts [--runs 5] [--batches 100] [--json]

Writes batches of 1,000 records with and without guards, in turns, on a PostgreSQL of its own, and says what a
million records cost: the server's CPU time, this process's, and the time that passed.

  bin/project-node bench/guards.ts                 about two minutes
  bin/project-node bench/guards.ts --runs 1 --json
`

interface Row {
  readonly id: number
  readonly version: number
  readonly isGone: boolean
}

const batchSize = 1000

const plain: PostgresTable<Row> = {
  name: 'things',
  columns: [
    { name: 'id', type: 'bigint', of: ({ id }) => id },
    { name: 'version', type: 'bigint', of: ({ version }) => version },
    {
      name: 'text',
      type: 'text',
      of: ({ id }) => `some text of ${id}, as long as that of most rows is, or so`,
    },
  ],
  key: ['id'],
  version: ['version'],
}
const deleting: PostgresTable<Row> = { ...plain, deletes: { when: ({ isGone }) => isGone } }

type Kind = 'new keys' | 'updates' | 'updates, one in ten a deletion'
const kinds: readonly Kind[] = ['new keys', 'updates', 'updates, one in ten a deletion']

/** Of batch number `n`: keys all over the table, as those of messages are. */
function batchOf(kind: Kind, table: PostgresTable<Row>, n: number, batches: number): KeyedRecord<Row>[] {
  const merge = newest(table)
  const version = kind === 'new keys' ? 1 : n + 2
  return Array.from({ length: batchSize }, (_, i) => {
    const id = i * batches + (kind === 'new keys' ? n : (n * 7919) % batches)
    const isGone = kind === 'updates, one in ten a deletion' && i % 10 === n % 10
    return merge.recordOf({ id, version, isGone }, { publishTimeMs: Date.now() })
  })
}

interface Figures {
  readonly serverCpu: number
  readonly ownCpu: number
  readonly seconds: number
}

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    batches: { type: 'string', default: '100' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})
if (options.help) {
  process.stdout.write(help)
  process.exit()
}
const [runs, batches] = [Number(options.runs), Number(options.batches)]

const server = await startPostgres({ port: 0, superuser: true, settings: { shared_buffers: '256MB' } })
try {
  const postgres = { ...server, sslMode: 'disable', poolSize: 1, statementTimeoutMs: 60_000 } as const
  await migrate(postgres, migrationsDir, 'up')
  const pool = createPool(postgres, noLogger)
  const guarded = new GuardedTableWriter(pool, deleting, { pipeline: 'things', horizonMs: 86_400_000 })
  const sinks: readonly (readonly [name: string, sink: Sink<Row>, table: PostgresTable<Row>])[] = [
    ['without guards', new TableWriter(pool, plain), plain],
    ['with guards', guarded, deleting],
  ]

  const measure = async (kind: Kind, sink: Sink<Row>, table: PostgresTable<Row>): Promise<Figures> => {
    await pool.query(`DROP TABLE IF EXISTS things; TRUNCATE key_guards;
      CREATE TABLE things (id bigint PRIMARY KEY, version bigint NOT NULL, text text NOT NULL) WITH (fillfactor = 70)`)
    if (kind !== 'new keys')
      for (let n = 0; n < batches; n++) await sink.write(batchOf('new keys', table, n, batches))
    await pool.query('CHECKPOINT')
    const [server0, own0, began] = [cpuSeconds(server.pid), process.cpuUsage(), performance.now()]
    for (let n = 0; n < batches; n++) await sink.write(batchOf(kind, table, n, batches))
    const own = process.cpuUsage(own0)
    const millions = (batches * batchSize) / 1e6
    return {
      serverCpu: (cpuSeconds(server.pid) - server0) / millions,
      ownCpu: (own.user + own.system) / 1e6 / millions,
      seconds: (performance.now() - began) / 1000 / millions,
    }
  }

  const found = new Map<string, Figures[]>()
  for (let run = 0; run < runs; run++) {
    for (const kind of kinds) {
      for (const [name, sink, table] of run % 2 === 0 ? sinks : sinks.toReversed()) {
        const figures = await measure(kind, sink, table)
        const label = `${kind}, ${name}`
        found.set(label, [...(found.get(label) ?? []), figures])
        process.stderr.write(
          `run ${run + 1} of ${runs}: ${label}: ${figures.serverCpu.toFixed(1)} CPU-s of the server\n`,
        )
      }
    }
  }
  const { rows } = await pool.query(
    `SELECT pg_total_relation_size('key_guards')::float8 / (SELECT count(*) FROM key_guards) AS bytes`,
  )
  await pool.end()
  if (options.json) console.log(JSON.stringify({ guardBytes: rows[0].bytes, ...Object.fromEntries(found) }))
  else {
    const cell = (all: readonly Figures[], of: (one: Figures) => number) => {
      const { median, least, greatest } = spreadOf(all.map(of))
      return `${median.toFixed(1)} (${least.toFixed(1)}-${greatest.toFixed(1)})`
    }
    const lines = [...found].map(([label, all]) => [
      label,
      cell(all, ({ serverCpu }) => serverCpu),
      cell(all, ({ ownCpu }) => ownCpu),
      cell(all, ({ seconds }) => seconds),
    ])
    console.log(
      tableText(['a million records', 'server, CPU-s', 'own, CPU-s', 'seconds'], lines, undefined, [1, 2, 3]),
    )
    console.log(`a guard takes ${Math.round(rows[0].bytes)} bytes, with its index`)
  }
} finally {
  await server.stop()
}
