import type {
  sendUnaryData,
  ServerInterceptor,
  ServerUnaryCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import {
  Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  status as grpcStatus,
} from '@grpc/grpc-js'
import type { Socket } from 'node:net'
import { asStatusError } from '../broker/status.ts'
import type { AllowedHosts } from './allowed-hosts.ts'
import { Connections } from './connections.ts'
import { encodedStatus } from './error-details.ts'
import type { Answer } from './handlers.ts'
import { payloadTooLarge } from './request-limits.ts'
import type { Rpcs } from './rpcs.ts'
import type { RpcSchema } from './schema.ts'
import { rpcs as schemas } from './schema.ts'
import type { StreamingPullCall } from './streaming-pull.ts'

/** Of a publish request with all that is not counted: tags and lengths of 100,000 attributes, 1,000 ordering keys. */
const maxRequestBytes = 12 * 1024 * 1024

/** gRPC on connections that the listener has accepted. */
export class GrpcServer {
  readonly #server: Server
  readonly #connections = new Connections()
  readonly #injector: ReturnType<Server['createConnectionInjector']>

  constructor(rpcs: Rpcs, streamingPull: (call: StreamingPullCall) => void, allowedHosts: AllowedHosts) {
    this.#server = new Server({
      'grpc.max_receive_message_length': maxRequestBytes,
      'grpc.max_send_message_length': -1,
      'grpc.enable_channelz': 0,
      interceptors: [sizeInterceptor, hostInterceptor(allowedHosts)],
    })
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure())
    const implementation: UntypedServiceImplementation = {}
    for (const { name, streaming } of schemas) {
      implementation[name] = streaming
        ? (streamingPull as UntypedServiceImplementation[string])
        : (call: ServerUnaryCall<object, Answer>, reply: sendUnaryData<Answer>) =>
            void answerUnary(rpcs, name, call, reply)
    }
    const definition = Object.fromEntries(schemas.map((schema) => [schema.name, definitionOf(schema)]))
    this.#server.addService(definition, implementation)
  }

  accept(socket: Socket): void {
    this.#connections.add(socket)
    this.#injector.injectConnection(socket)
  }

  /** Takes no more calls, and leaves those under way some time to say how they end. */
  async close(): Promise<void> {
    this.#injector.destroy()
    await this.#connections.closed()
    this.#server.forceShutdown()
  }
}

function definitionOf({ path, request, response, streaming }: RpcSchema) {
  return {
    path,
    requestStream: streaming,
    responseStream: streaming,
    requestSerialize: (value: object) => Buffer.from(request.encode(value).finish()),
    requestDeserialize: (bytes: Buffer) => request.decode(bytes),
    responseSerialize: (value: Answer) =>
      Buffer.isBuffer(value) ? value : (response.encode(response.fromObject(value)).finish() as Buffer),
    responseDeserialize: (bytes: Buffer) => response.decode(bytes),
  }
}

/** grpc-js says RESOURCE_EXHAUSTED of a message that is too large, which clients retry; the service says otherwise. */
const sizeInterceptor: ServerInterceptor = (_method, call) => {
  const sendStatus = call.sendStatus.bind(call)
  call.sendStatus = (status) =>
    sendStatus(
      status.details?.startsWith('Received message larger than max')
        ? { code: grpcStatus.INVALID_ARGUMENT, details: payloadTooLarge().message }
        : status,
    )
  return new ServerInterceptingCall(call)
}

/**
 * Browsers cannot speak gRPC, so a foreign name does no harm here; it is refused where it is most likely a mistake. Where
 * the emulator is open to a network, its clients know it by names that it does not.
 */
function hostInterceptor(allowedHosts: AllowedHosts): ServerInterceptor {
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            const host = allowedHosts.isLoopbackOnly ? call.getHost() : undefined
            const [origin] = metadata.get('origin')
            try {
              allowedHosts.check({ host, origin: origin?.toString(), localAddress: undefined })
              go(metadata)
            } catch (error) {
              const { status, message } = asStatusError(error)
              call.sendStatus({ code: grpcStatus[status], details: message })
            }
          },
        }),
    })
}

async function answerUnary(
  rpcs: Rpcs,
  name: string,
  call: ServerUnaryCall<object, Answer>,
  reply: sendUnaryData<Answer>,
): Promise<void> {
  const gone = new AbortController()
  call.on('cancelled', () => gone.abort())
  try {
    const answer = await rpcs.call(name, call.request, gone.signal)
    if (answer) reply(null, answer)
  } catch (error) {
    const refusal = asStatusError(error)
    const metadata = new Metadata()
    if (refusal.info) metadata.set('grpc-status-details-bin', encodedStatus(refusal, refusal.info))
    reply({ code: grpcStatus[refusal.status], details: refusal.message, metadata })
  }
}
