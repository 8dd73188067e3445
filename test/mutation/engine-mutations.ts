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
    wouldDo: 'a record is acked because another process claims its key, and lost when that write fails',
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
    wouldDo: 'other replicas ack records as stale for a row that may never be committed',
    edits: [
      {
        file: flush,
        before: '  let stored: Stored\n',
        after: '  let stored: Stored\n  void begun.confirm(records)\n',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'loser acked with a rejected winner',
    wouldDo: 'a valid record is lost because the database rejected a newer one of its key',
    edits: [
      {
        file: isolate,
        before: '    if (isGuilty(one)) readmitted.push(...deadLetter(one, refusedByDatabase, ports))\n',
        after: `    if (isGuilty(one)) {
      deadLetter(one, refusedByDatabase, ports)
      ports.ledger.settle(one.entry.losers, 'coalesced')
    }
`,
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'losers of a rejected winner forgotten',
    wouldDo:
      'they are neither written nor settled: their leases are kept for ever, and no graceful shutdown ends',
    edits: [
      {
        file: isolate,
        before: 'if (isGuilty(one)) readmitted.push(...deadLetter(one, refusedByDatabase, ports))\n',
        after: 'if (isGuilty(one)) deadLetter(one, refusedByDatabase, ports)\n',
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'nack in an outage',
    wouldDo: 'delivery attempts are used up until the broker dead-letters valid messages',
    edits: [
      {
        file: batch,
        before: '        this.#searching = false\n',
        after: `        this.#searching = false
        this.#ports.ledger.settle(this.#rest.map((entry) => entry.winner), 'nacked')
        this.#rest = this.#left(this.#rest)
`,
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'dead-lettered at the first unknown error',
    wouldDo: 'one unexpected answer of the server dead-letters a valid record',
    edits: [{ file: isolate, before: 'const unknownStrikes = 3\n', after: 'const unknownStrikes = 1\n' }],
    suites: ['innocent rows', 'simulation'],
  },
  {
    name: 'dead-lettered although its neighbour is rejected, too',
    wouldDo: 'a table that is changed during a search for bad rows dead-letters valid records',
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
    name: 'dead-lettered for two different causes',
    wouldDo: 'a valid record that met an unexpected answer and then a changed table is dead-lettered',
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
    wouldDo: 'the first row of a table that accepts none is dead-lettered',
    edits: [
      {
        file: isolate,
        before: '    return (await sink.rewriteExistingRow?.()) ?? false\n',
        after: '    return true\n',
      },
    ],
    suites: ['refused and locked, real PostgreSQL'],
  },
  {
    name: 'double settle',
    wouldDo: 'a delivery that a forced shutdown nacked is acked as well, and the counts do not add up',
    edits: [
      {
        file: ledger,
        before: '    if (!split) return this.#close(delivery) ? { delivery, settlement } : undefined\n',
        after: `    if (!split) {
      this.#close(delivery)
      return { delivery, settlement }
    }
`,
      },
      {
        file: ledger,
        before: 'if (this.#close(delivery)) settled[count++] = delivery\n',
        after: `{
      this.#close(delivery)
      settled[count++] = delivery
    }
`,
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'ack of a message whose second record is open',
    wouldDo: 'a crash or a failed write after the ack loses the records that were not committed',
    edits: [{ file: ledger, before: '    if (split.open.size > 0) return undefined\n', after: '' }],
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
    wouldDo:
      'other replicas wait for the whole lease of a claim, ten seconds, for a record that no process is writing',
    edits: [{ file: flush, before: '    await begun.release(records)\n', after: '' }],
    suites: ['every delivery'],
  },
  {
    name: 'parked records never released',
    wouldDo:
      'records that another replica was writing are neither written nor acked until a graceful shutdown',
    edits: [
      {
        file: park,
        before: '    else this.#cancelPause ??= clock.after(leftMs, () => this.#release())\n',
        after: '',
      },
    ],
    suites: ['simulation', 'every delivery'],
  },
  {
    name: 'flush interval ignored',
    wouldDo: 'records too few for a batch wait until others arrive',
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
    wouldDo: 'a graceful shutdown waits for records that will not be written, until the forced one',
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
    name: 'rejected records forgotten by their lane',
    wouldDo:
      'a row that was rejected alone is neither retried nor dead-lettered, and its lease is kept for ever',
    edits: [
      {
        file: lane,
        before: '    return this.#refused.length > 0 ? [...this.#refused, ...batch] : batch\n',
        after: '    return batch\n',
      },
    ],
    suites: ['simulation', 'conservation'],
  },
  {
    name: 'an outage that rejected rows prolong for ever',
    wouldDo: 'if all rows in flight are rejected, nothing is written any more until a restart',
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
    name: 'an outage with nothing left to probe with',
    wouldDo:
      'if everything in flight is settled without the table, nothing is fetched any more until a restart',
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
    wouldDo: 'the newest record of a key is acked, but an older one is written in its place',
    edits: [
      {
        file: entry,
        before: '  } else if (order > 0) {\n',
        after: '  } else if (order < 0) {\n',
      },
    ],
    suites: ['simulation', 'conservation'],
  },
]
