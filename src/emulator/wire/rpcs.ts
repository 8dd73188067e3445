import { shuttingDown, unimplemented } from '../broker/status.ts'
import type { RpcFaults } from '../faults/rpc-faults.ts'
import type { Answer, Handler } from './handlers.ts'

/** The unary RPCs, whichever way a call comes in. */
export class Rpcs {
  readonly #handlers: Readonly<Record<string, Handler>>
  readonly #faults: RpcFaults
  #closed = false

  constructor(handlers: Readonly<Record<string, Handler>>, faults: RpcFaults) {
    this.#handlers = handlers
    this.#faults = faults
  }

  /** From now on calls are refused. */
  close(): void {
    this.#closed = true
  }

  /**
   * Undefined: there is to be no answer at all.
   *
   * @throws StatusError
   */
  async call(name: string, request: unknown, signal: AbortSignal): Promise<Answer | undefined> {
    if (this.#closed) throw shuttingDown()
    const handler = this.#handlers[name]
    if (!handler) throw unimplemented(name)
    const strike = this.#faults.next(name)
    if (strike.fate === 'refused') throw strike.status
    if (strike.fate === 'request dropped') return undefined
    const answer = await handler(request as never, signal)
    return strike.fate === 'reply dropped' ? undefined : answer
  }
}
