import { Agent, request } from 'node:http'
import { sleep, systemClock } from '#runtime/clock.ts'
import type { Answer } from './answer.ts'
import { answerOf, confirmed, notSent, unknown } from './answer.ts'
import type { RequestRecord } from './request-ledger.ts'

export interface IncrementClientOptions {
  /** Where to send to, in turns: one load balancer, or the gateways themselves. */
  readonly urls: readonly string[]
  /** How long an answer is waited for. */
  readonly timeoutMs: number
  /** From its first attempt on, for how long a request is repeated. */
  readonly retryForMs: number
  /** Nothing is repeated any more. */
  readonly stopping: AbortSignal
  /** Nothing is waited for any more. */
  readonly forceStop: AbortSignal
}

const firstRetryMs = 100
const longestRetryMs = 2000

/**
 * Makes requests as a careful client does: with an Idempotency-Key it repeats them after time-outs, lost connections and
 * 503 until they are confirmed; without one only where they were certainly not sent.
 */
export class IncrementClient implements Disposable {
  readonly #options: IncrementClientOptions
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  #next = 0

  constructor(options: IncrementClientOptions) {
    this.#options = options
  }

  /** Never rejects; what became of it is in the record. */
  async send(record: RequestRecord): Promise<void> {
    const { retryForMs, stopping } = this.#options
    const endMs = systemClock.now() + retryForMs
    for (let pauseMs = firstRetryMs; ; pauseMs = Math.min(2 * pauseMs, longestRetryMs)) {
      const { outcome, isFinal, retryAfterMs = 0 } = await this.#attempt(record)
      const mayRepeat = !isFinal && (record.request.idempotencyKey !== undefined || outcome === 'refused')
      if (!mayRepeat || stopping.aborted || systemClock.now() > endMs) return
      await sleep(systemClock, Math.max(retryAfterMs, pauseMs * (0.5 + Math.random())), stopping)
      if (stopping.aborted) return
    }
  }

  /** Asks once more for what is confirmed, as one who has lost the answer does. */
  async repeat(record: RequestRecord): Promise<void> {
    await this.#attempt(record)
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  async #attempt(record: RequestRecord): Promise<Answer> {
    record.begin()
    const answer = await this.#post(record)
    record.end(answer.outcome)
    return answer
  }

  #post({ request: { body, idempotencyKey } }: RequestRecord): Promise<Answer> {
    const { urls, timeoutMs, forceStop } = this.#options
    const url = urls[this.#next++ % urls.length] as string
    const answered = Promise.withResolvers<Answer>()
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    }
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), forceStop])
    const options = { method: 'POST', agent: this.#agent, headers, signal }
    const sent = request(`${url}/increment`, options, (response) => {
      const text: string[] = []
      response.setEncoding('utf8')
      response.on('data', (part: string) => text.push(part))
      // With 200 the broker has it, whatever becomes of the rest.
      const status = response.statusCode ?? 0
      response.on('error', () => answered.resolve(status === 200 ? confirmed : unknown))
      response.on('end', () =>
        answered.resolve(answerOf(status, response.headers['retry-after'], text.join(''))),
      )
    })
    sent.on('error', (error: NodeJS.ErrnoException) =>
      answered.resolve(error.code === 'ECONNREFUSED' ? notSent : unknown),
    )
    sent.end(body)
    return answered.promise
  }
}
