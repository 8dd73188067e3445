// The service as its own proto files describe it. They come with the client library, as JSON: messages, services, and
// the paths that each RPC has in the REST API.
import { createRequire } from 'node:module'
import type { INamespace, Method, Service } from 'protobufjs'
import protobuf from 'protobufjs'

const protos = createRequire(import.meta.url)('@google-cloud/pubsub/build/protos/protos.json') as INamespace
const root = protobuf.Root.fromJSON(protos).resolveAll()
const v1 = 'google.pubsub.v1'

/** The messages that are encoded or decoded by name. */
export const types = {
  PubsubMessage: root.lookupType(`${v1}.PubsubMessage`),
  PullResponse: root.lookupType(`${v1}.PullResponse`),
  Subscription: root.lookupType(`${v1}.Subscription`),
  Topic: root.lookupType(`${v1}.Topic`),
}

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
  readonly request: protobuf.Type
  readonly response: protobuf.Type
  readonly streaming: boolean
  readonly http: HttpRule | undefined
}

/** Of the services `Publisher`, `Subscriber` and `SchemaService`: all RPCs, whether we serve them or not. */
export const rpcs: readonly RpcSchema[] = ['Publisher', 'Subscriber', 'SchemaService'].flatMap((name) => {
  const service = root.lookupService(`${v1}.${name}`)
  return service.methodsArray.map((method) => rpcSchema(service, method))
})

function rpcSchema(service: Service, method: Method): RpcSchema {
  return {
    path: `/${service.fullName.slice(1)}/${method.name}`,
    name: method.name,
    request: method.resolvedRequestType as protobuf.Type,
    response: method.resolvedResponseType as protobuf.Type,
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
