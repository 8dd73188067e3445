import type { Delivery } from '#core/delivery.ts'
import { noLogger } from '#core/logger.ts'
import { DeadLetterTable } from '#postgres/dead-letter-table.ts'
import { createPool } from '#postgres/pool.ts'
import { runInProcess } from './in-process.ts'
import { runAsProgram } from './program.ts'
import type { TestSystem } from './system.ts'

/** A dead letter to store; ids and publish times grow in the order in which they are given. */
export interface DeadLetterFixture extends Partial<Omit<Delivery, 'data'>> {
  readonly reason?: string
  readonly detail?: string
  readonly data?: string | Buffer
}

/** When the first of those that are stored was published; each of the others 1 ms later. */
export const storedMs = Date.UTC(2024, 0, 29)

/** Stores dead letters as the ingester would have; in an empty table their ids are 1, 2, 3. */
export async function storeDeadLetters(
  system: TestSystem,
  fixtures: readonly DeadLetterFixture[],
): Promise<void> {
  const pool = createPool({ ...system.config.postgres, poolSize: 1 }, noLogger)
  const { subscription } = system
  const table = new DeadLetterTable(pool, { pipeline: 'scans', subscription, maxMessageBytes: 100_000 })
  // Ids are given in the order of message ids.
  const width = String(fixtures.length).length
  const all = fixtures.map(({ reason = 'bad-ip', detail = 'why', data, ...said }, at) => ({
    reason,
    detail,
    delivery: {
      messageId: `m${String(at).padStart(width, '0')}`,
      publishTimeMs: storedMs + at,
      orderingKey: '',
      attributes: {},
      deliveryAttempt: 1,
      bytes: 100,
      receivedAtMs: 0,
      ...said,
      data: Buffer.from(data ?? `data ${at + 1}`),
    },
  }))
  try {
    await table.store(all)
  } finally {
    await pool.end()
  }
}

/** The dead letters' statuses, by id. */
export async function statuses({ sql }: TestSystem): Promise<string[]> {
  const { rows } = await sql.query('SELECT status FROM dead_letters ORDER BY id')
  return rows.map(({ status }) => status)
}

export interface Arrived {
  readonly data: string
  readonly attributes: Readonly<Record<string, string>>
  readonly orderingKey: string
}

/** What the subscription has got, in the order in which the emulator took it. */
export function arrived({ stack, subscription }: TestSystem): Arrived[] {
  const { messages } = stack.pubsub?.emulator?.inspect(subscription) ?? { messages: [] }
  return messages.map(({ data, attributes, orderingKey }) => ({
    data: data.toString(),
    attributes: { ...attributes },
    orderingKey,
  }))
}

type Env = Readonly<Record<string, string>>

/** Runs `dead-letters …` in this process. */
export const deadLetters = (system: TestSystem, args: readonly string[], env: Env = {}) =>
  runInProcess(['dead-letters', ...args], { ...system.env, ...env })

/** The same as a program, for what belongs to one; a test of each command has it. */
export const deadLettersProgram = (system: TestSystem, args: readonly string[]) =>
  runAsProgram(['dead-letters', ...args], system.env)
