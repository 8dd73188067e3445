import type { IncomingMessage } from 'node:http'
import { StatusError } from '../broker/status.ts'
import { payloadTooLarge } from './request-limits.ts'

/** The largest publish request as JSON: base64 adds a third, names and attributes the rest. */
const maxBodyBytes = 16 * 1024 * 1024
/** What all requests that are being received may hold together. */
const maxBytesAtOnce = 8 * maxBodyBytes
/** How long a client that was refused may go on sending before it is cut off. */
const lingerMs = 1000

/** Receives bodies up to the size that the service takes, and bounds what is held of all of them. */
export class BodyReader {
  #heldBytes = 0

  /** @throws StatusError as soon as it is too large, without waiting for the rest */
  async read(request: IncomingMessage): Promise<string> {
    if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw payloadTooLarge()
    const chunks: Buffer[] = []
    let bytes = 0
    try {
      // Destroyed here, the connection would take the answer with it.
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        bytes += chunk.length
        this.#heldBytes += chunk.length
        if (bytes > maxBodyBytes) throw payloadTooLarge()
        if (this.#heldBytes > maxBytesAtOnce)
          throw new StatusError('RESOURCE_EXHAUSTED', 'Too many large requests at once; send it again later.')
        chunks.push(chunk)
      }
      return Buffer.concat(chunks, bytes).toString()
    } finally {
      this.#heldBytes -= bytes
    }
  }
}

/** Throws away what still comes of an answered request: its client reads the answer when it has sent all, or some. */
export function discardRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return
  request.resume()
  const timer = setTimeout(() => request.socket.destroy(), lingerMs)
  request.once('close', () => clearTimeout(timer))
}
