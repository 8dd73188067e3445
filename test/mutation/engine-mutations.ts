import type { Mutation } from './mutation.ts'

const batch = 'src/ingest/batch.ts'
const deadLetterQueue = 'src/ingest/dead-letter-queue.ts'
const isolate = 'src/ingest/isolate.ts'
const entry = 'src/ingest/entry.ts'
const flush = 'src/ingest/flush.ts'
const lane = 'src/ingest/lane.ts'
const ledger = 'src/ingest/ledger.ts'
const park = 'src/ingest/park.ts'
const storeGate = 'src/ingest/store-gate.ts'

/** Bugs of the room that decides when a delivery is settled. */
export const engineMutations: readonly Mutation[] = [
  {
    name: 'ack before commit',
    wouldDo: 'a crash or a failed write after the ack loses the records of a batch',
    edits: [
      {
        file: flush,
        before: '  observer.batchSealed?.(records.length)\n',
        after: '  observer.batchSealed?.(records.length)\n  settleCommitted(due, due.length, ledger)\n',
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'busy that acks',
    wouldDo: 'a record is acked because somebody else claims its key, and lost when their write fails',
    edits: [
      {
        file: flush,
        before: '  const due = [...fresh, ...busy.filter((entry) => !park(entry))]\n',
        after: '  settleStale(busy, ledger)\n  const due = fresh\n',
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'watermark raised before the write',
    wouldDo: 'other replicas ack records as stale because of a row that may never be committed',
    edits: [
      {
        file: flush,
        before: '  let placed: number\n',
        after: '  let placed: number\n  void begun.confirm(records)\n',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'loser acked with a rejected winner',
    wouldDo: 'a good record is lost because a newer one of its key was refused by the database',
    edits: [
      {
        file: isolate,
        before: '    if (deadLetterIfProven(one, ports)) readmitted.push(...othersOf(one.entry))\n',
        after: `    if (deadLetterIfProven(one, ports)) {
      ports.ledger.settle(one.entry.losers.map(({ delivery }) => delivery), 'coalesced')
    }
`,
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'losers of a rejected winner forgotten',
    wouldDo: 'they are neither written nor settled: their leases are kept for ever, and no soft stop ends',
    edits: [
      {
        file: isolate,
        before: 'if (deadLetterIfProven(one, ports)) readmitted.push(...othersOf(one.entry))\n',
        after: 'if (deadLetterIfProven(one, ports)) continue\n',
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'nack in an outage',
    wouldDo: 'delivery attempts are burnt until the broker dead-letters good messages',
    edits: [
      {
        file: batch,
        before: '        this.#searching = false\n',
        after: `        this.#searching = false
        this.#ports.ledger.settle(this.#rest.map((entry) => entry.winner.delivery), 'nacked')
        this.#rest = this.#left(this.#rest)
`,
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'buried for an error that nobody knows, at its first strike',
    wouldDo: 'one strange answer of the server sends a good record to the dead letters',
    edits: [{ file: isolate, before: 'const unknownStrikes = 3\n', after: 'const unknownStrikes = 1\n' }],
    suites: ['innocent rows', 'simulation'],
  },
  {
    name: 'buried though its neighbour is refused, too',
    wouldDo: 'a table that is changed in the middle of a search sends good records to the dead letters',
    edits: [
      {
        file: 'src/ingest/bisect.ts',
        before: '  await takes(neighbour)\n',
        after: '',
      },
    ],
    suites: ['innocent rows', 'simulation'],
  },
  {
    name: "buried for two causes that are nobody's",
    wouldDo: 'a good record that met a strange answer and then a changed table goes to the dead letters',
    edits: [
      {
        file: 'src/ingest/bisect.ts',
        before: 'const isSame = error.code === failure.code && error.ownFault === failure.ownFault\n',
        after: 'const isSame = true\n',
      },
    ],
    suites: ['innocent rows', 'simulation'],
  },
  {
    name: 'lone row dead-lettered without proof',
    wouldDo: 'the first row of a table that accepts none goes to the dead letters',
    edits: [
      {
        file: isolate,
        before: '    return await writer.rewriteStanding()\n',
        after: '    return true\n',
      },
    ],
    suites: ['refused and locked, real PostgreSQL'],
  },
  {
    name: 'double settle',
    wouldDo: 'a delivery that a hard stop gave back is acked as well, and the counts do not add up',
    edits: [
      {
        file: ledger,
        before: '    const settled = deliveries.filter((delivery) => this.#open.delete(delivery))\n',
        after: `    const settled = [...deliveries]
    for (const delivery of deliveries) this.#open.delete(delivery)
`,
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'dead letter acked before it is stored',
    wouldDo: 'a crash or a failed write after the ack loses the message and its dead letter',
    edits: [
      {
        file: deadLetterQueue,
        before: '      await store.store(deadLetters, wait)\n',
        after: '      this.#settle(deadLetters)\n      await store.store(deadLetters, wait)\n',
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'claims of a failed write kept',
    wouldDo: 'other replicas wait out the lease of a claim, ten seconds, for a record that nobody is writing',
    edits: [{ file: flush, before: '    await begun.release(records)\n', after: '' }],
    suites: ['every delivery'],
  },
  {
    name: 'parked records never let out',
    wouldDo: 'what another replica was writing at the time is neither written nor acked until a soft stop',
    edits: [
      {
        file: park,
        before: '    else this.#cancelPause ??= clock.after(leftMs, () => this.#letGo())\n',
        after: '',
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'flush interval that nobody watches',
    wouldDo: 'what is too little for a batch waits until something else comes',
    edits: [
      {
        file: lane,
        before: '    else if (Math.min(dueMs, retryMs) < Infinity) this.#pokeIn(Math.min(dueMs, retryMs))\n',
        after: '    else if (retryMs < Infinity) this.#pokeIn(retryMs)\n',
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'parked records forgotten at drain',
    wouldDo: 'a soft stop waits for records that nobody will write, until the hard stop',
    edits: [
      {
        file: park,
        before: '    this.#draining = true\n',
        after: '    this.#draining = true\n    this.#entries = []\n',
      },
    ],
    suites: ['every delivery', 'simulation'],
  },
  {
    name: 'refused records forgotten by their lane',
    wouldDo: 'a row that was refused alone is neither tried again nor buried, and its lease is kept for ever',
    edits: [{ file: lane, before: '    return [...this.#refused, ...batch]\n', after: '    return batch\n' }],
    suites: ['simulation', 'conservation'],
  },
  {
    name: 'an outage that refused rows prolong for ever',
    wouldDo: 'where all that is in hand is refused, nothing is written any more until a restart',
    edits: [
      {
        file: storeGate,
        before: '    if (this.#refusals >= refusalsThatShow) this.#works()\n    else ',
        after: '    ',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'an outage that nobody is left to end',
    wouldDo:
      'where all that was in hand is settled without the table, nothing is taken any more until a restart',
    edits: [
      {
        file: storeGate,
        before: '    return this.#reason !== undefined && !this.#probeDue\n',
        after: '    return this.#reason !== undefined\n',
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'coalescing keeps the older',
    wouldDo: 'the newest record of a key is acked with an older one that is written in its place',
    edits: [
      {
        file: entry,
        before: '  if (compareRecords(arrival.record, entry.winner.record) > 0) {\n',
        after: '  if (compareRecords(arrival.record, entry.winner.record) < 0) {\n',
      },
    ],
    suites: ['simulation', 'conservation'],
  },
]
