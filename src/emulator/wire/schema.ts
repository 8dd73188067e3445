// The RPCs as the service's own proto files describe them, with the paths that they have in the REST API.
import type { Method, Service, Type } from 'protobufjs'
import { protoRoot } from '../broker/proto.ts'

/** How an RPC is reached by REST; https://google.aip.dev/127 */
export interface HttpRule {
  readonly verb: string
  /** `/v1/{project=projects/*}/topics` */
  readonly template: string
  /** The field of the request that the body holds; `*`: all of it; undefined: there is no body. */
  readonly body: string | undefined
}

/** An RPC, with its request and response types resolved. */
export interface RpcSchema {
  /** `/google.pubsub.v1.Publisher/Publish` */
  readonly path: string
  /** `Publish` */
  readonly name: string
  readonly request: Type
  readonly response: Type
  readonly streaming: boolean
  readonly http: HttpRule | undefined
}

/** Of the services `Publisher`, `Subscriber` and `SchemaService`: all RPCs, whether we serve them or not. */
export const rpcs: readonly RpcSchema[] = ['Publisher', 'Subscriber', 'SchemaService'].flatMap((name) => {
  const service = protoRoot.lookupService(`google.pubsub.v1.${name}`)
  return service.methodsArray.map((method) => rpcSchema(service, method))
})

function rpcSchema(service: Service, method: Method): RpcSchema {
  return {
    path: `/${service.fullName.slice(1)}/${method.name}`,
    name: method.name,
    request: method.resolvedRequestType as Type,
    response: method.resolvedResponseType as Type,
    streaming: method.requestStream === true,
    http: httpRule(method),
  }
}

function httpRule(method: Method): HttpRule | undefined {
  const options = (method.parsedOptions ?? []) as Record<string, Record<string, string>>[]
  const rule = options.find((option) => '(google.api.http)' in option)?.['(google.api.http)']
  if (!rule) return undefined
  const { body, ...verbs } = rule
  const [verb = '', template = ''] = Object.entries(verbs)[0] ?? []
  return { verb: verb.toUpperCase(), template, body }
}
