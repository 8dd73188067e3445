import type { Action, Program } from './operations.ts'
import { ack, commit, ifAdmitted, statement, transaction } from './operations.ts'

/** A way to keep what is deleted deleted. All of them are walked through by the same steps. */
export interface Design {
  readonly name: string
  readonly insert: Program
  readonly delete: Program
  /** For messages that were published before the horizon, and whose transaction begins after it. */
  readonly expired?: { readonly insert: Program; readonly delete: Program }
  /**
   * When guards with a deletion may be removed. A margin is a time in which every transaction that began before the
   * horizon ends.
   */
  readonly sweep?: 'at any time' | 'after the horizon' | 'after the horizon and a margin'
}

const lockGuard = { what: 'lock guard' } as const satisfies Action
const enterDeletion = { what: 'enter deletion', where: 'newer' } as const satisfies Action
const lookAtGuard = { what: 'look at guard', admits: 'newer' } as const satisfies Action
const lookForRow = { what: 'look for row', admits: 'a row' } as const satisfies Action
const upsertRow = { what: 'upsert row', where: 'newer' } as const satisfies Action
const deleteRow = { what: 'delete row', where: 'not newer' } as const satisfies Action
const markRow = { what: 'mark row', where: 'not newer' } as const satisfies Action

/** Each statement after the first has a snapshot that was taken with the guard locked. */
function guardedUpsert(row: Action, look: Action = lookAtGuard): Program {
  return transaction(statement(lockGuard), statement(look), ifAdmitted(statement(row)))
}

/** An expired upsert may replace a row, and never makes one: a newer deletion may have been swept. */
function expiredUpsert(row: Action, look: Action = lookForRow): Program {
  return transaction(
    statement(lockGuard),
    statement(lookAtGuard),
    ifAdmitted(statement(look)),
    ifAdmitted(statement(row)),
  )
}

function guardedDelete(row: Action, enter: Action = enterDeletion): Program {
  return transaction(statement(enter), ifAdmitted(statement(row)))
}

/** As src/postgres/guarded-table-writer.ts has it. */
export const guards: Design = {
  name: 'guards',
  insert: guardedUpsert(upsertRow),
  delete: guardedDelete(deleteRow),
}

/** And with src/postgres/guard-sweep.ts. A delete brings nothing back, and does not expire. */
export const sweptGuards: Design = {
  ...guards,
  name: 'guards, swept',
  expired: { insert: expiredUpsert(upsertRow), delete: guards.delete },
  sweep: 'after the horizon and a margin',
}

const upsertNotOverMark = { ...upsertRow, where: 'newer, not over a mark' } as const satisfies Action

export const markedRows: Design = {
  name: 'guards; rows are marked',
  insert: guardedUpsert(upsertNotOverMark),
  delete: guardedDelete(markRow),
}

export const sweptMarkedRows: Design = {
  ...sweptGuards,
  name: 'guards, swept; rows are marked',
  insert: guardedUpsert(upsertNotOverMark),
  delete: markedRows.delete,
  expired: { insert: expiredUpsert(upsertNotOverMark), delete: markedRows.delete },
}

/** These hold, too. */
export const harmless = {
  /** The one that was entered before has deleted the row. */
  deletedAgain: {
    ...sweptGuards,
    name: 'guards, swept; a delete that was not entered is carried out',
    delete: transaction(statement(enterDeletion), statement(deleteRow)),
    expired: {
      insert: expiredUpsert(upsertRow),
      delete: transaction(statement(enterDeletion), statement(deleteRow)),
    },
  },
} as const satisfies Record<string, Design>

const checkedInsert = transaction(statement(lookAtGuard, ...ifAdmitted([upsertRow])))

/** Each loses something. */
export const flawed = {
  tombstones: {
    name: 'tombstones, looked up by the insert',
    insert: checkedInsert,
    delete: transaction(statement(deleteRow), statement(enterDeletion)),
  },
  tombstoneFirst: {
    name: 'tombstones, written before the row is deleted',
    insert: checkedInsert,
    delete: transaction(statement(enterDeletion), statement(deleteRow)),
  },
  lookedBefore: {
    ...guards,
    name: 'an upsert that looks before it locks',
    insert: transaction(
      statement(lookAtGuard),
      ifAdmitted([...statement(lockGuard), ...statement(upsertRow)]),
    ),
  },
  lookedWithLock: {
    ...guards,
    name: 'an upsert that looks in the statement that locks',
    insert: transaction(statement(lockGuard, lookAtGuard), ifAdmitted(statement(upsertRow))),
  },
  lockedNothing: {
    ...guards,
    name: 'an upsert that looks, and locks nothing',
    insert: transaction(statement(lookAtGuard), ifAdmitted(statement(upsertRow))),
  },
  withoutGuard: {
    ...guards,
    name: 'an upsert without a guard, as of an older release',
    insert: transaction(statement(upsertRow)),
  },
  deletedWithGuard: {
    ...guards,
    name: 'a delete in the statement that enters it',
    delete: transaction(statement(enterDeletion, ...ifAdmitted([deleteRow]))),
  },
  notEntered: {
    ...guards,
    name: 'a delete that locks the guard, and is not entered',
    delete: transaction(statement(lockGuard), statement(deleteRow)),
  },
  enteredOverNewer: {
    ...guards,
    name: 'a delete that is entered over any other',
    delete: guardedDelete(deleteRow, { ...enterDeletion, where: 'always' }),
  },
  equalAdmitted: {
    ...guards,
    name: 'an upsert that wins over a delete of its version',
    insert: guardedUpsert(upsertRow, { ...lookAtGuard, admits: 'newer or equal' }),
  },
  committedBetween: {
    ...guards,
    name: 'guard and row in two transactions',
    insert: [
      statement(lockGuard),
      statement(lookAtGuard),
      commit,
      ifAdmitted([...statement(upsertRow), ...commit]),
      ack,
    ].flat(),
    delete: [statement(enterDeletion), commit, ifAdmitted([...statement(deleteRow), ...commit]), ack].flat(),
  },
  unconditional: {
    name: 'rows are written and deleted unconditionally',
    insert: guardedUpsert({ ...upsertRow, where: 'always' }),
    delete: guardedDelete({ ...deleteRow, where: 'always' }),
  },
  ackedFirst: {
    ...guards,
    name: 'acked before the commit',
    delete: [statement(enterDeletion), ifAdmitted(statement(deleteRow)), ack, commit].flat(),
  },
  rowFirst: {
    ...guards,
    name: 'a delete that takes the row before the guard',
    delete: transaction(statement(deleteRow), statement(enterDeletion)),
  },
  sweptTooEarly: {
    ...guards,
    name: 'swept while older messages can come',
    sweep: 'at any time',
  },
  neverExpires: {
    ...guards,
    name: 'swept, and no message expires',
    sweep: 'after the horizon and a margin',
  },
  withoutMargin: {
    ...sweptGuards,
    name: 'swept without a margin',
    sweep: 'after the horizon',
  },
  expiredAskedBefore: {
    ...sweptGuards,
    name: 'swept; an expired upsert that looks for its row before it locks',
    expired: {
      insert: transaction(
        statement(lookForRow),
        ifAdmitted([...statement(lockGuard), ...statement(lookAtGuard)]),
        ifAdmitted(statement(upsertRow)),
      ),
      delete: guards.delete,
    },
  },
  expiredOverOlder: {
    ...sweptGuards,
    name: 'swept; an expired upsert makes a row where an older delete is known',
    expired: {
      insert: expiredUpsert(upsertRow, { ...lookForRow, admits: 'a row or a deletion' }),
      delete: guards.delete,
    },
  },
  deletesExpire: {
    ...sweptGuards,
    name: 'swept; an expired delete without a row is ignored',
    expired: {
      insert: expiredUpsert(upsertRow),
      delete: transaction(
        statement(lockGuard),
        statement(lookForRow),
        ifAdmitted([...statement(enterDeletion), ...statement(deleteRow)]),
      ),
    },
  },
  /** The mark counts among the contents. */
  markReplaced: {
    ...sweptMarkedRows,
    name: 'guards, swept; rows are marked; an upsert replaces a mark of its version',
    insert: guards.insert,
    expired: { insert: expiredUpsert(upsertRow), delete: markedRows.delete },
  },
} as const satisfies Record<string, Design>
