import type { FaultInjector } from './fault-injector.ts'
import type { SubscriptionView } from './inspection.ts'
import type { Extent } from './rpc-faults.ts'
import type { StatusName } from './status.ts'
import { invalidArgument, statusCodes } from './status.ts'

type Json = Readonly<Record<string, unknown>>

/** The faults and the inspection over HTTP, for tests in other languages and for hands with `curl`. */
export class FaultRoutes {
  readonly #faults: FaultInjector
  readonly #inspect: (subscription: string) => SubscriptionView

  constructor(faults: FaultInjector, inspect: (subscription: string) => SubscriptionView) {
    this.#faults = faults
    this.#inspect = inspect
  }

  /**
   * Undefined: the path is not one of these.
   *
   * @throws StatusError
   */
  answer(verb: string | undefined, path: string, body: string): object | undefined {
    if (path === '/faults' && verb === 'POST') return this.#apply(parsed(body))
    const [, name] = /^\/inspect\/(.+)$/.exec(path) ?? []
    if (name === undefined || verb !== 'GET') return undefined
    const { counts, messages } = this.#inspect(name)
    return { counts, messages: messages.map((one) => ({ ...one, data: one.data.toString('base64') })) }
  }

  /** `{ "refuse": { "rpc": "Acknowledge", "status": "UNAVAILABLE", "times": 3 }, "pause": true }`: in this order. */
  #apply(wanted: Json): object {
    const faults = this.#faults
    // Each looks at its value first, and says what is then to be done: all of it is done, or nothing.
    const known: Readonly<Record<string, (value: unknown) => () => void>> = {
      deliveries: (value) => {
        const trouble = object('deliveries', value)
        return () => faults.deliveries(trouble)
      },
      dropRequests: (value) => {
        const lost = strike('dropRequests', value)
        return () => faults.dropRequests(...lost)
      },
      dropReplies: (value) => {
        const lost = strike('dropReplies', value)
        return () => faults.dropReplies(...lost)
      },
      refuse: (value) => {
        const [rpc, extent] = strike('refuse', value)
        const answer = status('refuse', value)
        return () => faults.refuse(rpc, answer, extent)
      },
      breakStreams: (value) => {
        const answer = status('breakStreams', value)
        return () => faults.breakStreams(answer)
      },
      expireLeases: (value) => {
        const of = share('expireLeases', value)
        return () => faults.expireLeases(of)
      },
      redeliver: (value) => {
        const of = share('redeliver', value)
        return () => faults.redeliver(of)
      },
      pause: () => () => faults.pause(),
      resume: () => () => faults.resume(),
      clear: () => () => faults.clear(),
    }
    const doings = Object.entries(wanted).map(([name, value]) => {
      const look = Object.hasOwn(known, name) ? known[name] : undefined
      if (look) return look(value)
      throw invalidArgument(`There is no fault "${name}"; there are: ${Object.keys(known).join(', ')}.`)
    })
    for (const doing of doings) doing()
    return {}
  }
}

function parsed(body: string): Json {
  try {
    return object('The body', JSON.parse(body))
  } catch (error) {
    throw invalidArgument(`The body is not a JSON object: ${(error as Error).message}`)
  }
}

function object(what: string, value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(`${what} must be an object.`)
  }
  return value as Json
}

function strike(fault: string, value: unknown): [rpc: string, extent: Extent] {
  const { rpc, times, share } = object(fault, value)
  if (typeof rpc !== 'string') throw invalidArgument(`${fault}.rpc must name an RPC, as Acknowledge.`)
  if (typeof share === 'number') return [rpc, { share }]
  if (times === undefined || typeof times === 'number') return [rpc, { times: times ?? 1 }]
  throw invalidArgument(`${fault} must have times, a number, or share, from 0 to 1.`)
}

function status(fault: string, value: unknown): StatusName {
  const name = object(fault, value)['status']
  if (typeof name === 'string' && Object.hasOwn(statusCodes, name)) return name as StatusName
  throw invalidArgument(`${fault}.status must be one of ${Object.keys(statusCodes).join(', ')}.`)
}

function share(fault: string, value: unknown): number {
  if (value === true) return 1
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw invalidArgument(`${fault} must be a share from 0 to 1, or true for all.`)
}
