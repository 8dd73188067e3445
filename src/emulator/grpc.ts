import type { sendUnaryData, ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js'
import { Server, ServerCredentials, status as grpcStatus } from '@grpc/grpc-js'
import type { Socket } from 'node:net'
import { Connections } from './connections.ts'
import type { Answer } from './handlers.ts'
import type { Rpcs } from './rpcs.ts'
import type { RpcSchema } from './schema.ts'
import { rpcs as schemas } from './schema.ts'
import { asStatusError } from './status.ts'
import type { StreamingPullCall } from './streaming-pull.ts'

/** Larger requests than any that is allowed, so that it is the broker that says what is too large. */
const maxRequestBytes = 64 * 1024 * 1024

/** gRPC on connections that somebody else has accepted. */
export class GrpcServer {
  readonly #server = new Server({
    'grpc.max_receive_message_length': maxRequestBytes,
    'grpc.max_send_message_length': -1,
    'grpc.enable_channelz': 0,
  })
  readonly #connections = new Connections()
  readonly #injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure())

  constructor(rpcs: Rpcs, streamingPull: (call: StreamingPullCall) => void) {
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
    const { status, message } = asStatusError(error)
    reply({ code: grpcStatus[status], details: message })
  }
}
