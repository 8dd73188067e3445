// How a stack that runs in the background is found again: by a socket in the file system, whose path follows from the
// project's folder. Whoever listens on it is alive, which a file with a process id in it could not say.
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import type { IncomingMessage, Server } from 'node:http'
import { createServer, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { ControlPlace } from './control-place.ts'
import { leavePlace, openPlace, placeIsThere } from './control-place.ts'

export interface ControlOptions {
  /** What is told to whoever asks, as soon as it is known; any JSON. */
  readonly status: () => Promise<object>
  /** Somebody wants it to end. Absent: that is for nobody else to say. */
  readonly stop?: () => void
}

/**
 * Answers at that place until it is disposed of, which leaves nothing of ours there.
 *
 * @throws Error with code EADDRINUSE if somebody else does; PlaceError
 */
export async function serveControl(
  place: ControlPlace,
  { status, stop }: ControlOptions,
): Promise<AsyncDisposable> {
  const { socket } = place
  await openPlace(place)
  const server = createServer((asked, answer) => {
    if (asked.url === '/') return void answer.end()
    if (asked.url === '/status') return void status().then((told) => answer.end(JSON.stringify(told)))
    // Answered when it is over: by the end of the connection.
    if (stop && asked.url === '/stop' && asked.method === 'POST') return stop()
    answer.writeHead(404).end()
  })
  try {
    await listening(server, socket)
  } catch (error) {
    if ((await ask(socket, 'GET', '/')) !== undefined) throw error
    // Nobody listens on it any more: it was left by a process that was killed.
    await rm(socket, { force: true })
    await listening(server, socket)
  }
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      await leavePlace(place)
      // Only now: whoever asked for the end hears of it by this, and may start another one here.
      server.closeAllConnections()
      await closed
    },
  }
}

async function listening(server: Server, socket: string): Promise<void> {
  server.listen(socket)
  await once(server, 'listening')
}

/** What whoever is there says, when it is ready; undefined: nobody is there. */
export async function askStatus(place: ControlPlace): Promise<object | undefined> {
  if (!(await placeIsThere(place))) return undefined
  const answer = await ask(place.socket, 'GET', '/status')
  return answer && (JSON.parse(await text(answer)) as object)
}

/** Resolves when whoever was there is gone; false if nobody was. */
export async function askToStop(place: ControlPlace): Promise<boolean> {
  if (!(await placeIsThere(place))) return false
  const { socket } = place
  if ((await ask(socket, 'GET', '/')) === undefined) return false
  // Nothing is answered before the connection breaks, and that is the answer.
  await ask(socket, 'POST', '/stop')
  return true
}

/** Undefined: nobody is there, or is gone without a word. */
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
