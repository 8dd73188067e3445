/** What the oracle holds the program to, and in which file it asks for it. */
export const promises = {
  /** table.ts */
  table:
    'the table has the newest valid record of each key that was accepted, ties by content, or no row if that is a deletion',
  /** counted.ts */
  counted:
    'what counts once has counted once, however often it is published or delivered, and its table shows that',
  /** acks.ts */
  acks: 'what is acked is there: its row or deletion, a newer one, or its dead letter',
  /** dead-letters.ts */
  'dead letters': 'dead letters are exactly the messages that cannot be stored, each with the right reason',
  /** watermarks.ts */
  watermarks: 'no watermark is above its row and its remembered deletion',
  /** table.ts */
  versions: "a row's version never falls, and what is deleted stays deleted",
  /** bounds.ts */
  bounds: 'no more is held or under way than was allowed',
  /** counts.ts */
  counts: 'every message that was received is accounted for, once',
  /** ending.ts */
  settling: 'after the last fault everything is acked, in time',
} as const

export type PromiseName = keyof typeof promises

/** A promise that was not kept, and how that was seen. */
export interface Breach {
  readonly promise: PromiseName
  readonly seen: string
}
