import type { Socket } from 'node:net'

export interface ConnectionBounds {
  readonly perAddress: number
  readonly total: number
}

/**
 * Bounds the connections of a server, by client address and in all. Where one more would be too many, the one that has
 * waited longest is closed in its favour: a probe sends its request as soon as it is connected and is answered before
 * its turn comes, whereas clients that hold connections without asking for anything only displace each other.
 */
export class ConnectionLimits {
  readonly #bounds: ConnectionBounds
  /** Connections and their client's address, longest wait first. */
  readonly #waiting = new Map<Socket, string>()
  /** Those with a request that is being answered; they go only where there is no other. */
  readonly #answering = new Map<Socket, string>()

  constructor(bounds: ConnectionBounds) {
    this.#bounds = bounds
  }

  /** A new connection. */
  accept(socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    const { perAddress, total } = this.#bounds
    if (this.#count(address) >= perAddress) this.#closeOldest((one) => one === address)
    else if (this.#waiting.size + this.#answering.size >= total) this.#closeOldest(() => true)
    this.#waiting.set(socket, address)
    socket.once('close', () => this.#forget(socket))
  }

  /** It has a request; call what is returned when that is answered. */
  answering(socket: Socket): () => void {
    this.#move(socket, this.#waiting, this.#answering)
    return () => this.#move(socket, this.#answering, this.#waiting)
  }

  closeAll(): void {
    for (const socket of [...this.#waiting.keys(), ...this.#answering.keys()]) socket.destroy()
  }

  #count(address: string): number {
    let count = 0
    for (const connections of [this.#waiting, this.#answering])
      for (const one of connections.values()) if (one === address) count += 1
    return count
  }

  #closeOldest(isCandidate: (address: string) => boolean): void {
    for (const connections of [this.#waiting, this.#answering]) {
      for (const [socket, address] of connections) {
        if (!isCandidate(address)) continue
        this.#forget(socket)
        socket.resetAndDestroy()
        return
      }
    }
  }

  #move(socket: Socket, from: Map<Socket, string>, to: Map<Socket, string>): void {
    const address = from.get(socket)
    if (address === undefined) return
    from.delete(socket)
    to.set(socket, address)
  }

  #forget(socket: Socket): void {
    this.#waiting.delete(socket)
    this.#answering.delete(socket)
  }
}
