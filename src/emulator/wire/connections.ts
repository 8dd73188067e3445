import type { Socket } from 'node:net'

/** For those who are still being told that it is over. */
const goodbyeMs = 500

/** Connections of one kind, and their end. */
export class Connections {
  readonly #sockets = new Set<Socket>()
  #empty: (() => void) | undefined

  add(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      if (this.#sockets.size === 0) this.#empty?.()
    })
  }

  /** Resolves when all are closed, by their owners; those that are not in time are cut off. */
  async closed(): Promise<void> {
    if (this.#sockets.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#empty = resolve
    const timer = setTimeout(() => this.#sockets.forEach((socket) => socket.destroy()), goodbyeMs)
    await promise
    clearTimeout(timer)
  }
}
