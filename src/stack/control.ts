// How a stack that runs in the background is found again: by a socket in the file system, whose path follows from the
// project's folder. A process that listens on it is alive, which a pid file could not prove.
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import type { IncomingMessage, Server } from 'node:http'
import { createServer, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { ControlPlace } from './control-place.ts'
import { leavePlace, openPlace, placeIsThere } from './control-place.ts'

export interface ControlOptions {
  /** The answer to a status request, as soon as it is known; any JSON. */
  readonly status: () => Promise<object>
  /** Called on a request to stop. Absent: other processes cannot stop it. */
  readonly stop?: () => void
}

/**
 * Answers at that place until it is disposed of, which leaves nothing of ours there.
 *
 * @throws Error with code EADDRINUSE if another process does; PlaceError
 */
export async function serveControl(
  place: ControlPlace,
  { status, stop }: ControlOptions,
): Promise<AsyncDisposable> {
  const { socket } = place
  await openPlace(place)
  const server = createServer((asked, answer) => {
    if (asked.url === '/') return void answer.end()
    if (asked.url === '/status') return void status().then((found) => answer.end(JSON.stringify(found)))
    // Answered when it is over: by the end of the connection.
    if (stop && asked.url === '/stop' && asked.method === 'POST') return stop()
    answer.writeHead(404).end()
  })
  try {
    await listening(server, socket)
  } catch (error) {
    if ((await ask(socket, 'GET', '/')) !== undefined) throw error
    // Nothing listens on it: it was left by a process that was killed.
    await rm(socket, { force: true })
    await listening(server, socket)
  }
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      await leavePlace(place)
      // Only now: this tells the process that asked for the stop that it is done, and it may start another one here.
      server.closeAllConnections()
      await closed
    },
  }
}

async function listening(server: Server, socket: string): Promise<void> {
  server.listen(socket)
  await once(server, 'listening')
}

/** The status of the stack there, when it is ready; undefined: there is none. */
export async function askStatus(place: ControlPlace): Promise<object | undefined> {
  if (!(await placeIsThere(place))) return undefined
  const answer = await ask(place.socket, 'GET', '/status')
  return answer && (JSON.parse(await text(answer)) as object)
}

/** Resolves when the stack there has stopped; false if there was none. */
export async function askToStop(place: ControlPlace): Promise<boolean> {
  if (!(await placeIsThere(place))) return false
  const { socket } = place
  if ((await ask(socket, 'GET', '/')) === undefined) return false
  // Nothing is answered before the connection breaks, and that is the answer.
  await ask(socket, 'POST', '/stop')
  return true
}

/** Undefined: nothing listens there, or the connection was closed without an answer. */
async function ask(socketPath: string, method: string, path: string): Promise<IncomingMessage | undefined> {
  try {
    const asking = request({ socketPath, method, path, agent: false }).end()
    const [answer] = (await once(asking, 'response')) as [IncomingMessage]
    return answer
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET') return undefined
    throw error
  }
}
