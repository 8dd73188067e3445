import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

const host = '127.0.0.1'

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

/**
 * A loopback TCP proxy with the faults of a network: connections that are cut, a port where nothing listens, one
 * that stalls without being closed, and answers that are lost on their way back.
 */
export class TcpProxy implements AsyncDisposable {
  readonly port: number
  readonly #targetPort: number
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  readonly #stranded = new Set<Pair>()
  #frozen = false
  #turningAway = false
  #losingReplies = false
  /** Connections taken so far, those turned away included. */
  connections = 0
  /** What was sent to the target so far, over all connections. */
  sentBytes = 0

  static async to(targetPort: number): Promise<TcpProxy> {
    const server = createServer()
    server.listen(0, host)
    await once(server, 'listening')
    return new TcpProxy(server, (server.address() as AddressInfo).port, targetPort)
  }

  private constructor(server: Server, port: number, targetPort: number) {
    this.#server = server
    this.port = port
    this.#targetPort = targetPort
    server.on('connection', (near) => this.#join(near))
  }

  get address(): string {
    return `${host}:${this.port}`
  }

  /** Resets what is connected; who connects again gets through. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
  }

  /** Nothing listens here any more: ECONNREFUSED. */
  async refuse(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cut()
    await closed
  }

  /** The end of `refuse`: listens again, on the same port. */
  async accept(): Promise<void> {
    this.#server.listen(this.port, host)
    await once(this.#server, 'listening')
  }

  /** Resets what is connected, and from now on each new connection too. */
  turnAway(): void {
    this.#turningAway = true
    this.cut()
  }

  /** Forwards nothing until `thaw`, in neither direction; connections stay, and new ones are taken. */
  freeze(): void {
    this.#frozen = true
    for (const pair of this.#pairs) pause(pair)
  }

  thaw(): void {
    this.#frozen = false
    for (const { near, far } of this.#pairs.difference(this.#stranded)) {
      near.resume()
      far.resume()
    }
  }

  /** On what is connected nothing ever moves again, as behind a firewall that forgot it; new connections get through. */
  strand(): void {
    for (const pair of this.#pairs) {
      pause(pair)
      this.#stranded.add(pair)
    }
  }

  /** Until `bringReplies`, requests arrive and are carried out, and whatever is answered is swallowed. */
  loseReplies(): void {
    this.#losingReplies = true
  }

  /** The end of `loseReplies`. What is connected is reset: no connection continues after a gap. */
  bringReplies(): void {
    this.#losingReplies = false
    this.cut()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.refuse()
  }

  #join(near: Socket): void {
    this.connections += 1
    if (this.#turningAway) {
      near.resetAndDestroy()
      return
    }
    const far = connect(this.#targetPort, host)
    const pair: Pair = { near, far }
    this.#pairs.add(pair)
    near.on('data', ({ length }) => (this.sentBytes += length))
    forward(near, far)
    forward(far, near, () => !this.#losingReplies)
    for (const socket of [near, far]) {
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#pairs.delete(pair)
        this.#stranded.delete(pair)
        near.destroy()
        far.destroy()
      })
    }
    if (this.#frozen) pause(pair)
  }
}

function pause({ near, far }: Pair): void {
  near.pause()
  far.pause()
}

/** Without `pipe`, which would resume on its own what was paused. */
function forward(from: Socket, to: Socket, passes: () => boolean = () => true): void {
  from.setNoDelay(true)
  from.on('data', (chunk) => passes() && to.write(chunk))
  from.on('end', () => to.end())
}
