/** One step of a program. */
export type Operation =
  /** `INSERT INTO identities … ON CONFLICT DO NOTHING RETURNING`; waits for others' transactions of the same identity. */
  | { readonly what: 'insert identities' }
  /** A `SELECT`: those that are not there count as new. */
  | { readonly what: 'look for identities' }
  /** A `SELECT`: which of them are there with another value. */
  | { readonly what: 'look for other values' }
  /** Of a transaction: with the sums or rows of the batch, or without. */
  | { readonly what: 'commit'; readonly effects: boolean }
  /** Of the messages in the batch, whatever follows. */
  | { readonly what: 'ack' }
  /**
   * Settles the batch: what was new is applied. Of the others: `compared` looks at the value that stands under their
   * identity, in a statement of its own; `duplicates` counts them all as such.
   */
  | { readonly what: 'settle'; readonly others: 'compared' | 'duplicates' }

/** What a replica does with a batch. */
export type Program = readonly Operation[]

/** A way to count each record once. All of them are walked through by the same steps. */
export interface Design {
  readonly name: string
  readonly program: Program
  /** What becomes one row before the statement; the first of them has its identity inserted, the others share its fate. */
  readonly folds: 'equal' | 'same identity' | 'same key'
  /** What is added to sums, or appended. */
  readonly applies: 'returned' | 'incoming'
  /** What counts as `written`. */
  readonly written: 'returned' | 'incoming'
  /** An identity has the index of the record in its message. */
  readonly indexed: boolean
  /** The identity of a request has the day on which its message was published. */
  readonly requestDay: boolean
  /**
   * What a redriven message carries of its original, and deliveries are judged by: id and publish time; the same, but
   * the partition is that of its own publish time; or nothing.
   */
  readonly redriven: 'carries both' | 'in its own partition' | 'is new'
  /** By which publish time messages of requests are too old. */
  readonly requestsExpire: 'the original' | 'its own' | 'never'
  readonly messagesExpire: boolean
  /** A day before the floor is never kept again. Else its partition is made again where an insert finds none. */
  readonly floor: 'stays' | 'ignored'
  /** When partitions are dropped, and the floor rises. */
  readonly dropped: 'after the horizon' | 'a day early'
  /** What is dropped or swept waits for batches that were sealed with older messages. */
  readonly margin: boolean
  /** When the identity of a request is removed. */
  readonly swept: 'window before the floor' | 'after window and horizon' | 'after the greater'
}

const insert = { what: 'insert identities' } as const satisfies Operation
const commit = { what: 'commit', effects: true } as const satisfies Operation
const commitIdentities = { what: 'commit', effects: false } as const satisfies Operation
const settle = { what: 'settle', others: 'compared' } as const satisfies Operation

export const identities: Design = {
  name: 'identities',
  program: [insert, commit, settle],
  folds: 'equal',
  applies: 'returned',
  written: 'returned',
  indexed: true,
  requestDay: false,
  redriven: 'carries both',
  requestsExpire: 'the original',
  messagesExpire: true,
  floor: 'stays',
  dropped: 'after the horizon',
  margin: true,
  swept: 'window before the floor',
}

const sweptByClock: Design = {
  ...identities,
  name: 'requests swept after window and horizon, whatever the floor',
  swept: 'after window and horizon',
}

/** These hold, too. */
export const harmless = {
  /** Unless the horizon is raised. */
  sweptByClock,
  /** For messages only: an insert without its partition fails. */
  withoutMargin: { ...identities, name: 'partitions are dropped without a margin', margin: false },
} as const satisfies Record<string, Design>

/** Each counts something twice, or loses it. */
export const flawed = {
  foldedByKey: { ...identities, name: 'summed up before the identities are known', folds: 'same key' },
  foldedByIdentity: {
    ...identities,
    name: 'one identity’s other values folded, too',
    folds: 'same identity',
  },
  joinedBack: {
    ...identities,
    name: 'sums over what came in, not over what was returned',
    applies: 'incoming',
  },
  identityFirst: {
    ...identities,
    name: 'two transactions: identity, then row',
    program: [insert, commitIdentities, commit, settle],
  },
  rowFirst: {
    ...identities,
    name: 'two transactions: row, then identity',
    program: [{ what: 'look for identities' }, commit, insert, commitIdentities, settle],
  },
  lookedBefore: {
    ...identities,
    name: 'sums over what a look before the insert does not find',
    program: [{ what: 'look for identities' }, insert, commit, settle],
  },
  withoutIndex: { ...identities, name: 'identity without the record’s index', indexed: false },
  redrivenAsNew: { ...identities, name: 'redriven with a new identity', redriven: 'is new' },
  ownPartition: {
    ...identities,
    name: 'the carried publish time does not decide the partition',
    redriven: 'in its own partition',
  },
  requestDay: { ...identities, name: 'a request’s key hashed with the day', requestDay: true },
  droppedEarly: {
    ...identities,
    name: 'partitions dropped before the horizon',
    dropped: 'a day early',
    floor: 'ignored',
  },
  floorIgnored: {
    ...identities,
    name: 'taken by the horizon alone, whatever was dropped',
    floor: 'ignored',
  },
  /** An insert without its partition fails, for ever. */
  notSortedOut: { ...identities, name: 'too old, and not sorted out', messagesExpire: false },
  nothingTooOld: {
    ...identities,
    name: 'nothing is too old',
    messagesExpire: false,
    floor: 'ignored',
  },
  sweptAfterMaximum: {
    ...identities,
    name: 'requests swept after the greater of window and horizon',
    swept: 'after the greater',
  },
  sweptByClock,
  sweptWithoutMargin: { ...identities, name: 'requests swept without a margin', margin: false },
  requestsNeverExpire: {
    ...identities,
    name: 'requests are never too old',
    requestsExpire: 'never',
  },
  requestsExpireAnew: {
    ...identities,
    name: 'a redriven request is as old as its new message',
    requestsExpire: 'its own',
  },
  duplicatesWritten: { ...identities, name: 'duplicates count as written', written: 'incoming' },
  duplicatesNotCompared: {
    ...identities,
    name: 'other values of an identity count as duplicates',
    program: [insert, commit, { what: 'settle', others: 'duplicates' }],
  },
  comparedBefore: {
    ...identities,
    name: 'values compared in the snapshot of the insert',
    program: [{ what: 'look for other values' }, insert, commit, { what: 'settle', others: 'duplicates' }],
  },
  ackedFirst: {
    ...identities,
    name: 'acked before the commit',
    program: [insert, { what: 'ack' }, commit, settle],
  },
} as const satisfies Record<string, Design>
