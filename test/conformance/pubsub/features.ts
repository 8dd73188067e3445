/**
 * What a server may leave out and still be of use. True is what the service documents; each false one says less than
 * that, and the tests that need it are not run.
 */
export interface PubsubFeatures {
  /** UpdateTopic and UpdateSubscription change labels. The official emulator knows no such field. */
  readonly updatesLabels: boolean
  /** A message storage policy without regions is refused. The official emulator takes it. */
  readonly refusesEmptyRegions: boolean
  /** DetachSubscription. The official emulator does not implement it. */
  readonly detaches: boolean
  /** Lists the subscriptions of known topics only. The official emulator answers an unknown one with none. */
  readonly refusesToListUnknownTopics: boolean
  /** An ack deadline is at least 10 s. The official emulator takes any, which makes for fast tests of its users. */
  readonly minimumAckDeadline: boolean
  /** A lease is extended by 600 s at most. The official emulator takes any number. */
  readonly maximumExtension: boolean
  /** A Pull of a negative number is refused. The official emulator answers it with nothing. */
  readonly refusesNegativeMaxMessages: boolean
  /** Number and size of attributes are limited, `goog` is reserved. The official emulator takes them all. */
  readonly attributeLimits: boolean
  /** A Publish of more than 10 MB is refused. The official emulator takes some more, and never answers what it cannot read. */
  readonly publishSizeLimit: boolean
  /** An ack or modack of more than 512 KiB is refused. The official emulator takes megabytes. */
  readonly ackSizeLimit: boolean
  /**
   * Keeps to a stream's `max_outstanding_*`, which may be set on its first request only. The official emulator ignores
   * both of them.
   */
  readonly flowControl: boolean
  /**
   * A cancelled stream gets nothing more. The official emulator, when it is busy, may go on to lease messages to it
   * (measured: for one to five more deadlines of 10 s, in half of the runs).
   */
  readonly noticesCancellation: boolean
  /** The first redelivery is delayed, too. The official emulator makes it at once, and delays from the second on. */
  readonly delaysFirstRetry: boolean
  /**
   * A stream gets the next message of an ordering key before the one before is acked. A server that waits keeps the
   * order, too, only more slowly.
   */
  readonly pipelinesOrdered: boolean
  /**
   * Messages behind a nacked message of the same ordering key are redelivered after it, whatever their own leases.
   * The official emulator brings back what was nacked, as it was nacked.
   */
  readonly keepsOrderOnNack: boolean
  /**
   * A deadline that passes brings again what is behind in the same ordering key, even what was acked. That follows
   * from a cursor for each key, as the service has it; another server need not have one.
   */
  readonly replaysAckedBehindExpired: boolean
  /** Seek of a subscription with ordering. The official emulator does not implement it. */
  readonly seeksOrdered: boolean
}
