import type { Answer, Handler } from './handlers.ts'
import type { RpcFaults } from './rpc-faults.ts'
import { unimplemented } from './status.ts'

/** The unary RPCs, whichever way a call comes in. */
export class Rpcs {
  readonly #handlers: Readonly<Record<string, Handler>>
  readonly #faults: RpcFaults

  constructor(handlers: Readonly<Record<string, Handler>>, faults: RpcFaults) {
    this.#handlers = handlers
    this.#faults = faults
  }

  /**
   * Undefined: there is to be no answer at all.
   *
   * @throws StatusError
   */
  async call(name: string, request: unknown, signal: AbortSignal): Promise<Answer | undefined> {
    const handler = this.#handlers[name]
    if (!handler) throw unimplemented(name)
    const strike = this.#faults.next(name)
    if (strike.fate === 'refused') throw strike.status
    if (strike.fate === 'request dropped') return undefined
    const answer = await handler(request as never, signal)
    return strike.fate === 'reply dropped' ? undefined : answer
  }
}
