import type { Socket } from 'node:net'
import type { GatewayObserver } from '#core/gateway-observer.ts'

/** A request on a connection, which ends once: by its answer, or with its connection. */
export interface Open {
  gone(): void
  /** Whether its body is complete: it may be served. */
  isComplete(): boolean
}

interface Connection {
  /** A complete request of it is being answered. */
  isAnswering: boolean
  /** Requests whose headers are complete and that have no answer yet; several where they are pipelined. */
  readonly open: Set<Open>
  /** It has so many open requests that no more are read. */
  isPaused: boolean
}

const refusalBody = '{"error":"too many connections; retry later"}'
/** Written to a connection that finds no room. */
const refusal = [
  'HTTP/1.1 503 Service Unavailable',
  'Content-Type: application/json',
  `Content-Length: ${refusalBody.length}`,
  'Retry-After: 1',
  'Connection: close',
  '',
  refusalBody,
].join('\r\n')

/**
 * The connections of a server, bounded. Where one more would be too many, the one that has waited longest is closed in
 * its favour: for its first request, for the end of one, or for the next. A client that sends its request at once is
 * answered before its turn comes, whereas those that only hold connections displace each other. (To displace those first
 * that have asked for nothing yet would protect connections between two requests, but also those of an attacker who has
 * asked once: newcomers would only displace each other.) None whose answer is under way is closed: if there are no others,
 * the new one is refused.
 *
 * A client may send requests without waiting for answers. Of one with too many open requests no more are read until some
 * are answered, so that it cannot fill the memory and the queue that all share. What one read had in it is served: at
 * most 64 KiB.
 */
export class Connections {
  readonly #max: number
  readonly #maxOpen: number
  readonly #observer: GatewayObserver
  readonly #connections = new Map<Socket, Connection>()
  /** Those that are not answering, longest wait first. */
  readonly #waiting = new Set<Socket>()
  #draining = false

  /**
   * @param max connections
   * @param maxOpen requests of one connection
   */
  constructor(max: number, maxOpen: number, observer: GatewayObserver) {
    this.#max = max
    this.#maxOpen = maxOpen
    this.#observer = observer
  }

  accept(socket: Socket): void {
    if (this.#connections.size >= this.#max) {
      this.#observer.connectionDropped?.()
      if (!this.#displace()) {
        socket.end(refusal)
        socket.destroySoon()
        return
      }
    }
    const connection: Connection = { isAnswering: false, open: new Set(), isPaused: false }
    this.#connections.set(socket, connection)
    this.#waiting.add(socket)
    this.#observer.connectionsOpen?.(this.#connections.size)
    socket.once('close', () => this.#forget(socket))
    // Node.js resumes it to read a body.
    socket.on('resume', () => void (connection.isPaused && socket.pause()))
  }

  /** The headers of a request are complete. False: its connection is about to be closed, so it must not be served. */
  began(socket: Socket, request: Open): boolean {
    const connection = this.#connections.get(socket)
    if (!connection) return false
    connection.open.add(request)
    if (connection.open.size >= this.#maxOpen && !connection.isPaused) {
      connection.isPaused = true
      socket.pause()
    }
    if (!connection.isAnswering) this.#wait(socket)
    return true
  }

  /** Its body is complete, too. */
  received(socket: Socket): void {
    const connection = this.#connections.get(socket)
    if (!connection) return
    connection.isAnswering = true
    this.#waiting.delete(socket)
  }

  /** Its answer has been sent. */
  answered(socket: Socket, request: Open): void {
    const connection = this.#connections.get(socket)
    if (!connection?.open.delete(request)) return
    if (connection.isPaused && connection.open.size < this.#maxOpen) {
      connection.isPaused = false
      socket.resume()
    }
    if (connection.open.size > 0) return
    connection.isAnswering = false
    this.#wait(socket)
    if (this.#draining) socket.destroySoon()
  }

  /**
   * Whether an error in what was received can be answered: no other answer is due before. A complete request may be served
   * while its answer waits, and must not get that of what follows it.
   */
  isAnswerable(socket: Socket): boolean {
    const connection = this.#connections.get(socket)
    if (connection === undefined || connection.isAnswering || connection.open.size > 1) return false
    return ![...connection.open].some((request) => request.isComplete())
  }

  /** Whether the client should be told that its connection ends with the answer that is due next. */
  endsWithNext(socket: Socket): boolean {
    return this.#draining && (this.#connections.get(socket)?.open.size ?? 0) <= 1
  }

  get isDraining(): boolean {
    return this.#draining
  }

  /** Closes those without an open request, and each other one when it has none any more. */
  drain(): void {
    this.#draining = true
    for (const [socket, { open }] of this.#connections) if (open.size === 0) socket.destroy()
  }

  closeAll(): void {
    for (const socket of this.#connections.keys()) socket.resetAndDestroy()
  }

  #displace(): boolean {
    const [longest] = this.#waiting
    if (!longest) return false
    this.#forget(longest)
    longest.destroy()
    return true
  }

  /** From now on. */
  #wait(socket: Socket): void {
    this.#waiting.delete(socket)
    this.#waiting.add(socket)
  }

  #forget(socket: Socket): void {
    const connection = this.#connections.get(socket)
    if (!connection) return
    this.#waiting.delete(socket)
    this.#connections.delete(socket)
    this.#observer.connectionsOpen?.(this.#connections.size)
    for (const request of connection.open) request.gone()
  }
}
