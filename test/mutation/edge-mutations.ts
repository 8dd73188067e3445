import type { Mutation } from './mutation.ts'

/** Bugs of the modules that receive messages and parse them. */
export const edgeMutations: readonly Mutation[] = [
  {
    name: 'record key joined without a separator',
    wouldDo: 'two rows are treated as one, and one of them is acked and never written',
    edits: [
      {
        file: 'src/pipeline/key-text.ts',
        before: `parts.join(' ')`,
        after: `parts.join('')`,
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'contents compared as UTF-16',
    wouldDo: 'engine and table disagree on which of two records of one version is newer',
    edits: [
      {
        file: 'src/pipeline/newest.ts',
        before: '  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))\n',
        after: '  return a === b ? 0 : a < b ? -1 : 1\n',
      },
    ],
    suites: ['simulation', 'one order, real stores'],
  },
  {
    name: 'leases not renewed',
    wouldDo: 'in an outage every message is redelivered again and again until the broker dead-letters it',
    edits: [
      {
        file: 'src/pubsub/leases.ts',
        before: '      this.#cancelTimer = this.#startTimer()\n      this.#extendAll()\n',
        after: '      this.#cancelTimer = this.#startTimer()\n',
      },
    ],
    suites: ['simulation', 'leases'],
  },
  {
    name: 'limit on messages ignored',
    wouldDo: 'a broker that ignores flow control fills the memory until the process is killed',
    edits: [
      {
        file: 'src/pubsub/source.ts',
        before: '    if (heldCount >= maxOutstandingMessages) return false\n',
        after: '',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'limit on bytes ignored',
    wouldDo: 'the same with fewer and larger messages',
    edits: [
      {
        file: 'src/pubsub/source.ts',
        before:
          '      this.#neededBytes = Math.max(this.#neededBytes, Math.min(delivery.bytes, maxOutstandingBytes))\n      return false\n',
        after:
          '      this.#neededBytes = Math.max(this.#neededBytes, Math.min(delivery.bytes, maxOutstandingBytes))\n',
      },
    ],
    suites: ['simulation'],
  },
  {
    name: 'redrive to the default topic',
    wouldDo: 'a dead letter is published where its subscription does not listen, and marked as redriven',
    edits: [
      {
        file: 'src/dead-letters/redrive-target.ts',
        before: '  return topic\n}\n',
        after: '  return `projects/${pubsub.projectId}/topics/${topicId}`\n}\n',
      },
      {
        file: 'src/dead-letters/redrive-target.ts',
        before: '  if (now === topic) return\n',
        after: '  if (now) return\n',
      },
    ],
    suites: ['redrive, real emulator and PostgreSQL'],
  },
  {
    name: 'partial result ignored',
    wouldDo: 'one stale ack id loses the leases of the whole request, and all its messages are redelivered',
    edits: [
      {
        file: 'src/pubsub/ack-id-request.ts',
        before: '    if (named.length > 0) {\n',
        after: '    if (named.length === ackIds.length) {\n',
      },
    ],
    suites: ['ack ids, real emulator'],
  },
  {
    name: "one pipeline's pause stops another",
    wouldDo:
      'statements of one that wait for its table take every connection: nothing of the others is written',
    edits: [
      {
        file: 'src/postgres/connection-slots.ts',
        before:
          '    const mayTake = ({ sharer }: Waiting) => sharer === undefined || (this.#lentTo.get(sharer) ?? 0) < part\n',
        after: '    const mayTake = () => true\n',
      },
    ],
    suites: ['beside each other'],
  },
  {
    name: 'settlement counted for the wrong pipeline',
    wouldDo:
      "of no pipeline's counts is received the sum of settled and outstanding: a loss would not be seen",
    edits: [
      {
        file: 'src/telemetry/metrics.ts',
        before: '    const pipeline = measured.name\n',
        after: '    const pipeline = (pipelines[0] ?? measured).name\n',
      },
    ],
    suites: ['beside each other'],
  },
]
