import type { Writable } from 'node:stream'

/** What is kept for a reader that has fallen behind; the memory is at most twice that. */
const maxBufferedChars = 1024 * 1024
/** Above that, for lines that say why something fails. */
const reserveForErrorsChars = 64 * 1024

export interface LogDestinationOptions {
  /** Called when the reader takes lines again, with the number of those that were dropped meanwhile. */
  readonly reportDropped: (lines: number) => void
  readonly maxChars?: number
}

/**
 * Writes log lines without waiting for their reader. A stopped reader of a pipe, a socket or a terminal would block the
 * process in a blocking write; with a write in the thread pool it could not even exit. So lines go to a non-blocking
 * stream, up to a limit, and further lines are dropped and counted. A reader that is gone (EPIPE) is treated like one
 * that never reads.
 */
export class LogDestination {
  readonly #stream: Writable
  readonly #reportDropped: (lines: number) => void
  readonly #maxChars: number
  #isClosed = false
  #dropped = 0
  #reported = 0

  constructor(stream: Writable, { reportDropped, maxChars = maxBufferedChars }: LogDestinationOptions) {
    this.#stream = stream
    this.#reportDropped = reportDropped
    this.#maxChars = maxChars
    stopBlocking(stream)
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'EPIPE' || code === 'EIO' || code === 'ECONNRESET') this.#isClosed = true
    })
  }

  /** Number of lines dropped. */
  get dropped(): number {
    return this.#dropped
  }

  write(line: string, isError: boolean): void {
    const buffered = this.#stream.writableLength
    const bound = this.#maxChars + (isError ? reserveForErrorsChars : 0)
    if (this.#isClosed || (buffered > 0 && buffered + line.length > bound)) this.#dropped += 1
    else this.#stream.write(line, this.#written)
  }

  readonly #written = (error?: Error | null) => {
    if (error) this.#dropped += 1
    else if (this.#dropped > this.#reported && this.#stream.writableLength < this.#maxChars / 2) {
      const lines = this.#dropped - this.#reported
      this.#reported = this.#dropped
      this.#reportDropped(lines)
    }
  }
}

/**
 * Waits until all that was written has been taken.
 *
 * @returns false if that is not so within the time
 */
export async function flushed(stream: Writable, withinMs: number): Promise<boolean> {
  if (stream.writableLength === 0) return true
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), withinMs)
  // It is called when all before it has been written, or cannot be.
  stream.write('', () => resolve(true))
  return await promise.finally(() => clearTimeout(timer))
}

/** Node.js makes terminals block, for programs that end without waiting: Ctrl-S would stop the process. */
function stopBlocking(stream: Writable & { readonly isTTY?: boolean }): void {
  if (!stream.isTTY) return
  const { _handle: handle } = stream as { _handle?: { setBlocking?: (isBlocking: boolean) => void } }
  handle?.setBlocking?.(false)
}
