import type { Mutation } from './mutation.ts'

const protocol = 'src/redis/protocol.lua'
const cache = 'src/redis/cache.ts'
const encoding = 'src/redis/encoding.ts'
const epochWatch = 'src/postgres/epoch-watch.ts'
const examinedTable = 'src/postgres/examined-table.ts'
const statement = 'src/postgres/statement.ts'
const upsert = 'src/postgres/upsert.ts'
const durable = 'src/postgres/durable.ts'

/** Statements and transactions leave durability to the session. */
const notByItself: Mutation['edits'] = [
  {
    file: durable,
    before: "export const durable = `(SELECT ${settings}) <> ''`",
    after: 'export const durable = `true`',
  },
  {
    file: durable,
    before: 'export const makeDurable = `SELECT ${settings}`',
    after: 'export const makeDurable = `SELECT`',
  },
]
/** The session is told, once. */
const atConnect = (where: string): Mutation['edits'][number] => ({
  file: 'src/postgres/session.ts',
  before: '  sessions.set(client, {',
  after: `  await client.query(\`SELECT set_config('synchronous_commit', 'on', false) ${where}\`)\n  sessions.set(client, {`,
})

/** Bugs of the room that speaks PostgreSQL. */
export const tableMutations: readonly Mutation[] = [
  {
    name: 'SQL guard removed',
    wouldDo: 'an older record replaces a newer row',
    edits: [
      {
        file: upsert,
        before: `    \`WHERE \${countKeptIn === undefined ? isNewer : `,
        after: `    \`WHERE \${countKeptIn === undefined ? 'true' : `,
      },
    ],
    suites: ['same table, real PostgreSQL', 'one order, real stores'],
  },
  {
    name: 'guard of the simulated table removed',
    wouldDo: 'the same, without a real table that would notice',
    edits: [
      {
        file: 'test/simulated/servers/postgres-statements.ts',
        before: '    return !standing || isPlaced(row, standing)\n',
        after: '    return true\n',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: "texts compared in the locale's order",
    wouldDo: 'table and engine disagree on which of two records of one version is newer',
    edits: [
      {
        file: 'src/postgres/column-sql.ts',
        before: `  return isCollated(typeOf(column)) ? ' COLLATE "C"' : ''\n`,
        after: `  return ''\n`,
      },
    ],
    suites: ['one order, real stores'],
  },
  {
    name: 'backoff removed',
    wouldDo: 'while PostgreSQL rejects connections, every lane of every replica keeps asking for one',
    edits: [
      {
        file: 'src/postgres/connection-pool.ts',
        before: '      const client = await this.#gate.pass(() => this.#open(), this.#ending.signal)\n',
        after: '      const client = await this.#open()\n',
      },
    ],
    suites: ['attempts to connect, real PostgreSQL'],
  },
  {
    name: 'batch not sorted',
    wouldDo: 'writers deadlock, and a batch takes seconds instead of milliseconds',
    edits: [
      { file: upsert, before: `    \`ORDER BY \${orderedSelection(table, table.key)}\`,\n`, after: '' },
    ],
    suites: ['concurrent writers, real PostgreSQL'],
  },
  {
    name: 'not placed counted as stale under a trigger',
    wouldDo: 'rows that a trigger or rule discards are acked as stale, and lost',
    edits: [
      {
        file: examinedTable,
        before:
          '    if (absent > 0) throw discarded(this.#examination.where, tableIdentifier(this.#needed.name), examined)\n',
        after: '',
      },
    ],
    suites: ['discarded rows, real PostgreSQL'],
  },
  {
    name: 'connection leaked after a failure',
    wouldDo: 'the pool runs dry, and the replica pauses until it is restarted',
    edits: [
      {
        file: statement,
        before: '    client.release(failure !== undefined && breaksConnection(failure))\n',
        after: '    if (failure === undefined) client.release(false)\n',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'lost reply counted as success',
    wouldDo: 'a statement whose connection breaks counts as committed, and its records are acked and lost',
    edits: [
      {
        file: examinedTable,
        before: `    const { rows } = await runStatement<Answer>(this.#pool, this.#statement(values, wait), where, name)
    return rows[0] as Answer
`,
        after: `    const lost = (error) => {
      if (/terminated|ECONNRESET/.test(error.message)) return { rows: [{ placed: 0, shape: null }] }
      throw error
    }
    const { rows } = await runStatement(this.#pool, this.#statement(values, wait), where, name).catch(lost)
    return rows[0]
`,
      },
    ],
    suites: ['simulation', 'faulty network, real PostgreSQL'],
  },
  {
    name: 'a locked key waited for',
    wouldDo: 'one row that an application locks keeps its whole batch, and the lane, from being written',
    edits: [
      {
        file: 'src/postgres/lock-wait.ts',
        before: "set_config('lock_timeout', ${parameter}::text, true)",
        after: "set_config('lock_timeout', left(${parameter}::text, 0) || '0', true)",
      },
    ],
    suites: ['refused and locked, real PostgreSQL'],
  },
  {
    name: 'a foreign key counted as proof',
    wouldDo: 'when the parent rows are gone, every new row is dead-lettered',
    edits: [
      {
        file: 'src/postgres/sqlstate.ts',
        before: "  return code === '23502' || ",
        after: "  return code === '23502' || code === '23503' || ",
      },
    ],
    suites: ['refused and locked, real PostgreSQL'],
  },
  {
    name: 'connection reused after a timeout',
    wouldDo: 'the next statements wait on a connection that no longer answers',
    edits: [
      {
        file: statement,
        before: '    client.release(failure !== undefined && breaksConnection(failure))\n',
        after: '    client.release()\n',
      },
    ],
    suites: ['simulation', 'faulty network, real PostgreSQL'],
  },
  {
    name: 'durability pinned at connect only',
    wouldDo: 'after a reload of the configuration, a crash loses acked rows',
    edits: [...notByItself, atConnect(`WHERE current_setting('synchronous_commit') = 'off'`)],
    suites: ['durable, real PostgreSQL and PgBouncer'],
  },
  {
    name: 'durability set on another connection',
    wouldDo: 'behind a pooler, a crash loses acked rows',
    edits: [...notByItself, atConnect('')],
    suites: ['durable, real PostgreSQL and PgBouncer'],
  },
  {
    name: `epoch without the server's start`,
    wouldDo:
      'two servers from one copy of the data files share watermarks, and records that one lacks are acked as stale',
    edits: [
      {
        file: 'src/postgres/epoch.ts',
        before: `       || '.' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint\n`,
        after: '',
      },
    ],
    suites: ['epoch, real PostgreSQL'],
  },
  {
    name: 'epoch kept when a connection is lost',
    wouldDo: 'after a failover records are acked as stale for rows that the new server does not have',
    edits: [
      {
        file: epochWatch,
        before: '    if (this.#known && !this.#reading) this.#readLater()\n    this.#known = undefined\n',
        after: '    if (this.#known && !this.#reading) this.#readLater()\n',
      },
    ],
    suites: ['simulation'],
  },
]

/** Bugs of the room that speaks Redis. */
export const cacheMutations: readonly Mutation[] = [
  {
    name: '`tonumber` in Lua',
    wouldDo: 'doubles treat different versions of 17 to 19 digits as equal, and a watermark decreases',
    edits: [
      {
        file: protocol,
        before: `versionOf(watermark) > versionOf(mark)`,
        after: `tonumber(versionOf(watermark)) > tonumber(versionOf(mark))`,
      },
      {
        // What is no mark has no number.
        file: protocol,
        before: `watermark and isNewer(watermark, mark) and isMark(watermark)`,
        after: `watermark and isMark(watermark) and isNewer(watermark, mark)`,
      },
      {
        file: protocol,
        before: `versionOf(claim) >= version then`,
        after: `tonumber(versionOf(claim)) >= tonumber(version) then`,
      },
    ],
    suites: ['protocol, real Redis'],
  },
  {
    name: 'stale by version alone',
    wouldDo: 'of two records of one version the greater is acked and lost when it arrives second',
    edits: [
      {
        file: protocol,
        before: `(watermark == mark or isNewer(watermark, mark))`,
        after: `versionOf(watermark) >= versionOf(mark)`,
      },
    ],
    suites: ['protocol, real Redis', 'one order, real stores'],
  },
  {
    name: 'confirm that overwrites a newer watermark',
    wouldDo: 'a late confirm makes the cache forget a commit, and the database compares rows in its place',
    edits: [
      {
        file: protocol,
        before: `if not (watermark and isNewer(watermark, mark) and isMark(watermark)) then`,
        after: `if true then`,
      },
    ],
    suites: ['protocol, real Redis'],
  },
  {
    name: 'rollback that deletes the watermark',
    wouldDo:
      'a failed write makes the cache forget an older commit, and the database compares rows in its place',
    edits: [
      {
        file: cache,
        before: `operation === 'release' ? noColumns : batch.columnsOf(records)`,
        after: `operation === 'release' ? { ...batch.columnsOf(records), values: '' } : batch.columnsOf(records)`,
      },
      {
        file: protocol,
        before: `    if isOwn(stored[i]) then own[#own + 1] = KEYS[i] end\n`,
        after: `    if isOwn(stored[i]) or stored[i] and isMark(stored[i]) then own[#own + 1] = KEYS[i] end\n`,
      },
    ],
    suites: ['cache, real Redis'],
  },
  {
    name: `release of another process's claim`,
    wouldDo: 'a claim does not protect its owner, and replicas write the same record twice',
    edits: [
      {
        file: protocol,
        before: `return claim and isClaim(claim) and tokenOf(claim) == token`,
        after: `return claim and isClaim(claim)`,
      },
    ],
    suites: ['protocol, real Redis'],
  },
  {
    name: `claim key without a part of its own`,
    wouldDo: `the claim of one key is the watermark of another`,
    edits: [
      {
        file: encoding,
        before: '    this.#claims = `${prefix}:c:`\n',
        after: '    this.#claims = prefix\n',
      },
    ],
    suites: ['simulation', 'cache, real Redis'],
  },
  {
    name: 'epoch ignored in key names',
    wouldDo: 'after a TRUNCATE or a failover records are acked as stale for rows that are gone',
    edits: [
      {
        file: encoding,
        before: '.update(JSON.stringify([format, pipeline.format, epoch]))',
        after: '.update(JSON.stringify([format, pipeline.format]))',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'epoch ignored when the answer arrives',
    wouldDo: 'a fact about the table before a failover acks records after it',
    edits: [
      {
        file: cache,
        before:
          '    if (!isKnown || (said && said.counts.stale > 0 && !(await this.#options.isStill(epoch)))) {\n',
        after: '    if (false) {\n',
      },
    ],
    suites: ['epochs', 'simulation'],
  },
  {
    name: 'confirm to the current epoch',
    wouldDo: 'a commit before a failover becomes a watermark of the table after it',
    edits: [
      {
        file: cache,
        before: `this.#ask('confirm', batch, chunk)`,
        after: `this.#ask('confirm', new BatchColumns(this.#currentKeyspace() ?? keyspace, token, chunk), chunk)`,
      },
    ],
    suites: ['epochs', 'simulation'],
  },
  {
    name: 'password cached',
    wouldDo: 'after a rotation of the password every reconnect fails until the restart',
    edits: [
      {
        file: 'src/core/secret.ts',
        before: `return typeof secret === 'string' ? secret : secret()`,
        after: `return typeof secret === 'string' ? secret : ((secret as { cached?: string }).cached ??= secret())`,
      },
    ],
    suites: ['rotated password, real PostgreSQL', 'rotated password, real Redis'],
  },
]
