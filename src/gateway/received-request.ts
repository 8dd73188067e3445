import { randomUUID } from 'node:crypto'
import { IncomingMessage } from 'node:http'

/** Of requests that no operation takes. */
const otherRoute = 'other'

/** A request, with what is to be known of it at its end. */
export class ReceivedRequest extends IncomingMessage {
  readonly beganMs = performance.now()
  /** Of the operation that takes it. */
  route = otherRoute
  /** Its client's address; set when its headers are complete, like the id. */
  client = ''
  id = ''
  /** Told in the log, not to the client. */
  why: string | undefined
  /** Its client sends the body when it is told to. */
  awaitsContinue = false
  /** Answered or given up: told once. */
  hasEnded = false
}

/** As JSON Schema: 1 to 128 letters, digits, dots, underscores and hyphens. */
export const requestIdSchema = { type: 'string', pattern: '^[A-Za-z0-9._-]{1,128}$' } as const
const requestId = new RegExp(requestIdSchema.pattern)

/** The id that the header gives, if it is well-formed; else a new one. */
export function requestIdFrom(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' && requestId.test(header) ? header : randomUUID()
}
