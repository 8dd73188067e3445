import type { SubscriptionView } from '../broker/inspection.ts'
import type { StatusName } from '../broker/status.ts'
import { invalidArgument, statusCodes } from '../broker/status.ts'
import { ackIdFailures, ackIdRpcs } from '../faults/ack-id-faults.ts'
import type { DeliveryFaultOptions, FaultInjector } from '../faults/fault-injector.ts'
import type { Extent } from '../faults/rpc-faults.ts'
import { rpcs as schemas } from './schema.ts'

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
        const options = deliveryFaultOptions(value)
        return () => faults.deliveries(options)
      },
      dropRequests: (value) => {
        const lost = strike('dropRequests', value)
        return () => faults.dropRequests(...lost)
      },
      dropReplies: (value) => {
        const lost = strike('dropReplies', value)
        if (lost[0] === 'StreamingPull')
          throw invalidArgument('A StreamingPull has no reply that could be dropped.')
        return () => faults.dropReplies(...lost)
      },
      refuse: (value) => {
        const [rpc, extent] = strike('refuse', value)
        const answer = status('refuse', value)
        return () => faults.refuse(rpc, answer, extent)
      },
      failAckIds: (value) => {
        const [rpc, extent] = strike('failAckIds', value, ackIdRpcs)
        const failure = oneOf('failAckIds.failure', ackIdFailures, object('failAckIds', value)['failure'])
        return () => faults.failAckIds(rpc, failure, extent)
      },
      breakStreams: (value) => {
        const answer = status('breakStreams', value)
        return () => faults.breakStreams(answer)
      },
      expireLeases: (value) => {
        const of = share('expireLeases', value === true ? 1 : value)
        return () => faults.expireLeases(of)
      },
      redeliver: (value) => {
        const of = share('redeliver', value === true ? 1 : value)
        return () => faults.redeliver(of)
      },
      pause: wish('pause', () => faults.pause()),
      resume: wish('resume', () => faults.resume()),
      clear: wish('clear', () => faults.clear()),
    }
    const doings = Object.entries(wanted).map(([name, value]) => {
      const look = Object.hasOwn(known, name) ? known[name] : undefined
      if (look) return look(value)
      throw invalidArgument(`Unknown fault "${name}" (available: ${Object.keys(known).join(', ')}).`)
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

const served = schemas.filter(({ path }) => !path.includes('SchemaService')).map(({ name }) => name)

function strike<Rpc extends string = string>(
  fault: string,
  value: unknown,
  rpcs: readonly Rpc[] = served as Rpc[],
): [rpc: Rpc, extent: Extent] {
  const { rpc: given, times, share: part } = object(fault, value)
  const rpc = rpcs.find((one) => one === given)
  if (rpc === undefined) throw invalidArgument(`${fault}.rpc must name an RPC: ${rpcs.join(', ')}.`)
  if (part !== undefined) return [rpc, { share: share(`${fault}.share`, part) }]
  if (times === undefined) return [rpc, { times: 1 }]
  if (Number.isSafeInteger(times) && Number(times) > 0) return [rpc, { times: Number(times) }]
  throw invalidArgument(`${fault} must have times, a number, or share, from 0 to 1.`)
}

function status(fault: string, value: unknown): StatusName {
  const name = object(fault, value)['status']
  const errors = Object.keys(statusCodes).filter((one) => one !== 'OK')
  if (typeof name === 'string' && errors.includes(name)) return name as StatusName
  throw invalidArgument(`${fault}.status must be one of ${errors.join(', ')}.`)
}

function oneOf<Word extends string>(what: string, words: readonly Word[], given: unknown): Word {
  const word = words.find((one) => one === given)
  if (word !== undefined) return word
  throw invalidArgument(`${what} must be one of ${words.join(', ')}.`)
}

function share(what: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw invalidArgument(`${what} must be a share from 0 to 1.`)
}

/** Only `true`: what false would mean is unclear. */
function wish(fault: string, doing: () => void): (value: unknown) => () => void {
  return (value) => {
    if (value !== true) throw invalidArgument(`${fault} must be true.`)
    return doing
  }
}

function deliveryFaultOptions(value: unknown): DeliveryFaultOptions {
  const count = (name: string, given: unknown) => {
    if (typeof given === 'number' && given >= 0) return given
    throw invalidArgument(`deliveries.${name} must be a number, 0 or more.`)
  }
  const checks: Readonly<Record<string, (name: string, given: unknown) => unknown>> = {
    duplicateShare: (name, given) => share(`deliveries.${name}`, given),
    shuffleWindow: count,
    maxDelayMs: count,
    ignoreFlowControl: (_, given) => given === true,
  }
  const checked = Object.entries(object('deliveries', value)).map(([name, given]) => {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (check) return [name, check(name, given)]
    throw invalidArgument(`deliveries has no "${name}"; it has: ${Object.keys(checks).join(', ')}.`)
  })
  return Object.fromEntries(checked) as DeliveryFaultOptions
}
