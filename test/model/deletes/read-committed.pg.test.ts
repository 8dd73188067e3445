// The model's PostgreSQL is PostgreSQL: any statements in any order in three sessions wait, see and write the same.
import assert from 'node:assert/strict'
import type pg from 'pg'
import { test } from 'vitest'
import fc from 'fast-check'
import { freshDatabase, startTestServer, untilBlocked } from '../../support/postgres.ts'
import { alwaysAsync } from '../../support/seed.ts'
import { execute } from './execution.ts'
import type { Action, Program } from './operations.ts'
import { ifAdmitted, statement } from './operations.ts'
import { commit, deleteUnlocked, rollBack, see } from './read-committed.ts'
import { emptyGuard, guardName, guardOf, rowName, storyOf } from './scenario.ts'
import type { Cell, State } from './state.ts'
import { copyState, empty, noState, outcomes, sweeper } from './state.ts'
import type { PartOfStatement } from './statement-sql.ts'
import { sqlOf, sweepSql, tables } from './statement-sql.ts'

const server = await startTestServer()

const story = storyOf({
  messages: ['insert 1', 'insert 2 a', 'insert 2 b', 'insert 3', 'delete 2', 'delete 3'],
})
const given = story.messages.map((text) => {
  const [kind, version, content = ''] = text.split(' ')
  return { version: Number(version), content, isDelete: kind === 'delete' }
})

const deletions = [4, 5].map((message) => guardOf(story, message))

const lock = { what: 'lock guard' } as const satisfies Action
const enter = { what: 'enter deletion', where: 'newer' } as const satisfies Action
const look = { what: 'look at guard', admits: 'newer' } as const satisfies Action
const lookForRow = { what: 'look for row', admits: 'a row' } as const satisfies Action
const row = { what: 'upsert row', where: 'newer' } as const satisfies Action
const deletion = { what: 'delete row', where: 'not newer' } as const satisfies Action
const mark = { what: 'mark row', where: 'not newer' } as const satisfies Action

type Statement = readonly PartOfStatement[]

const looks: readonly Statement[] = [
  [look],
  [{ ...look, admits: 'newer or equal' }],
  [lookForRow],
  [{ ...lookForRow, admits: 'a row or a deletion' }],
]
const inserts = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom<Statement[]>([lock], [lock, look]) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Statement[]>(
      [row],
      [{ ...row, where: 'newer, not over a mark' }],
      [{ ...row, where: 'always' }],
      [look, ...ifAdmitted([row])],
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom(...looks) },
)
const deletes = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom<Statement[]>([enter], [enter], [{ ...enter, where: 'always' }]) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Statement[]>([deletion], [mark], [enter, ...ifAdmitted([deletion])]),
  },
  { weight: 1, arbitrary: fc.constantFrom<Statement[]>([{ ...deletion, where: 'always' }]) },
  { weight: 1, arbitrary: fc.constantFrom<Statement[]>([lock], ...looks) },
)
const order = fc.oneof(
  fc.record({ message: fc.constantFrom(0, 1, 2, 3), actions: inserts }),
  fc.record({ message: fc.constantFrom(4, 5), actions: deletes }),
)
const end = fc.constantFrom('COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK')

/** One session's transaction, during which the other, which may have a transaction under way, sends a statement. */
const meeting = fc.record({
  /** What stands before: as in the model, 0 for none. */
  row: fc.constantFrom(0, ...story.records),
  guard: fc.constantFrom(0, emptyGuard, ...deletions),
  first: fc.constantFrom(0, 1),
  earlier: fc.array(order, { maxLength: 1 }),
  before: fc.array(order, { minLength: 1, maxLength: 3 }),
  meanwhile: order,
  isSwept: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  after: fc.array(order, { maxLength: 2 }),
  ends: fc.tuple(end, end, end, end),
  late: fc.array(order, { maxLength: 1 }),
})

interface Waiting {
  readonly rest: Program
  readonly isLook: boolean
  readonly answer: Promise<pg.QueryResult>
}

/** Three sessions of the server beside the model's two replicas and its sweep. */
class Sessions {
  readonly state: State = noState()
  /** What was sent, for the message of a failed comparison. */
  readonly story: string[] = []
  readonly waiting = new Map<number, Waiting>()
  readonly #clients: readonly pg.Client[]
  readonly #open = new Set<number>()

  constructor(clients: readonly pg.Client[]) {
    this.#clients = clients
  }

  client(me: number): pg.Client {
    return this.#clients[me - 1] as pg.Client
  }

  async begin(me: number): Promise<void> {
    if (!this.#open.has(me)) await this.client(me).query('BEGIN')
    this.#open.add(me)
  }

  /** Whether a statement was begun. Two sessions that wait for each other, or for the same third, are left to chance. */
  async run(replica: 0 | 1, message: number, actions: Statement): Promise<boolean> {
    const me = replica + 1
    if (this.waiting.has(me)) return false
    const before = noState()
    copyState(this.state, before)
    const hands = this.state.hands[replica]
    empty(hands)
    hands.message = message + 1
    const rest = this.#goOn(replica, statement(...actions))
    if (rest.length > 0 && this.waiting.size > 0) {
      copyState(before, this.state)
      return false
    }
    await this.begin(me)
    this.story.push(`${me}: ${JSON.stringify([given[message], actions])}${rest.length > 0 ? ' waits' : ''}`)
    const answer = this.client(me).query(sqlOf(actions, given[message] as (typeof given)[0]))
    const isLook = actions.at(-1)?.what.startsWith('look') ?? false
    if (rest.length > 0) this.waiting.set(me, { rest, isLook, answer })
    else await this.#compareAnswer(replica, isLook, answer)
    return true
  }

  async sweep(): Promise<void> {
    await this.begin(sweeper)
    this.story.push('sweep')
    deleteUnlocked(this.state.guard, sweeper, (old) => old > emptyGuard)
    await this.client(sweeper).query(sweepSql)
  }

  async end(me: number, how: string): Promise<void> {
    if (this.waiting.has(me) || !this.#open.delete(me)) return
    if (how === 'COMMIT') commit(this.state, me)
    else rollBack(this.state, me)
    this.story.push(`${me}: ${how}`)
    await this.client(me).query(how)
    for (const [waiter, { rest, isLook, answer }] of this.waiting) {
      const replica = (waiter - 1) as 0 | 1
      const left = this.#goOn(replica, rest)
      this.waiting.delete(waiter)
      if (left.length > 0) this.waiting.set(waiter, { rest: left, isLook, answer })
      else await this.#compareAnswer(replica, isLook, answer)
      break
    }
  }

  async #compareAnswer(replica: 0 | 1, isLook: boolean, answer: Promise<pg.QueryResult>): Promise<void> {
    const { rowCount } = await answer
    if (!isLook) return
    const isAdmitted = this.state.hands[replica].outcome === outcomes.admitted
    assert.deepEqual({ story: this.story, rowCount }, { story: this.story, rowCount: isAdmitted ? 1 : 0 })
  }

  /** @returns what is left to do, from where it waits */
  #goOn(replica: 0 | 1, program: Program): Program {
    const hands = this.state.hands[replica]
    for (const [i, operation] of program.entries()) {
      if (operation.ifAdmitted === true && hands.outcome !== outcomes.admitted) continue
      if (execute(story, this.state, hands, replica + 1, operation) === undefined) return program.slice(i)
    }
    return []
  }
}

const contents = `SELECT
  (SELECT version || coalesce(content, '') || CASE WHEN gone THEN ' (marked)' ELSE '' END FROM sink) AS row,
  (SELECT coalesce('delete ' || deleted, 'empty') FROM key_guards) AS guard`

/** What a new snapshot shows. */
function contentsFor({ row, guard }: State, me: number) {
  const shown = (cell: Cell) => {
    const seen = { value: 0, deleted: 0 }
    see(seen, cell, me)
    return seen.value
  }
  const [rowShown, guardShown] = [shown(row), shown(guard)]
  return {
    row: rowShown === 0 ? null : rowName(story, rowShown),
    guard: guardShown === 0 ? null : guardName(story, guardShown),
  }
}

test('any statements in any order: the model agrees with PostgreSQL', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  await database.query(tables)
  const clients = await Promise.all([database.connect(), database.connect(), database.connect()])
  // A statement that waits where the model does not fails by this.
  for (const client of clients) await client.query(`SET lock_timeout = '5s'`)
  const tally = { statements: 0, waits: 0 }

  const property = fc.asyncProperty(
    meeting,
    async ({ row, guard, first, earlier, before, meanwhile, isSwept, after, ends, late }) => {
      const sessions = new Sessions(clients)
      sessions.state.row.value = row
      sessions.state.guard.value = guard
      await database.query(setupSql(row, guard))
      const compare = async (me: number) => {
        if (sessions.waiting.size > 0) await untilBlocked(database, sessions.waiting.size)
        if (sessions.waiting.has(me)) return
        const { rows } = await sessions.client(me).query(contents)
        assert.deepEqual(
          { story: sessions.story, rows },
          { story: sessions.story, rows: [contentsFor(sessions.state, me)] },
        )
      }
      const run = async (replica: 0 | 1, { message, actions }: { message: number; actions: Statement }) => {
        if (!(await sessions.run(replica, message, actions))) return
        await compare(replica + 1)
        tally.statements += 1
        tally.waits += sessions.waiting.size
      }
      const [one, other] = first === 0 ? ([0, 1] as const) : ([1, 0] as const)
      try {
        for (const each of earlier) await run(other, each)
        for (const each of before) await run(one, each)
        if (isSwept) await sessions.sweep()
        await run(other, meanwhile)
        for (const each of after) await run(one, each)
        for (const [i, me] of [one + 1, sweeper, other + 1, one + 1].entries()) {
          await sessions.end(me, ends[i] as string)
          for (const each of [1, 2, sweeper]) await compare(each)
          if (i === 0) for (const each of late) await run(one, each)
        }
      } finally {
        // What waits is let go by the others' end.
        for (const isWaiting of [false, true])
          for (const me of [1, 2, sweeper].filter((each) => sessions.waiting.has(each) === isWaiting)) {
            await sessions.waiting.get(me)?.answer.catch(() => {})
            await sessions.client(me).query('ROLLBACK')
          }
      }
    },
  )
  await alwaysAsync(property, 200)
  assert.ok(tally.waits > 50, JSON.stringify(tally))
})

function setupSql(row: number, guard: number): string {
  const { version, content, isDelete } = given[story.records.indexOf(row)] ?? noMessage
  const deleted = guard > emptyGuard ? given[4 + deletions.indexOf(guard)]?.version : 'NULL'
  return `DELETE FROM sink;
DELETE FROM key_guards;
INSERT INTO sink SELECT 'k', ${version}, ${isDelete ? 'NULL' : `'${content}'`}, ${isDelete} WHERE ${row > 0};
INSERT INTO key_guards SELECT 'k', ${deleted} WHERE ${guard > 0}`
}

const noMessage = { version: 0, content: '', isDelete: false }
