// How a stack that runs in the background is found again: by a socket in the file system, whose path follows from the
// project's folder. Whoever listens on it is alive, which a file with a process id in it could not say.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import type { IncomingMessage, Server } from 'node:http'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** Of one project folder; in the temporary one, since a socket's path must be short. */
export interface ControlPlace {
  /** Of this user alone. */
  readonly folder: string
  readonly socket: string
}

/** @param who `stack`: the one in the background; `demo`: that of a running demo */
export async function controlPlace(projectDir: string, who: 'stack' | 'demo'): Promise<ControlPlace> {
  const project = createHash('sha256').update(projectDir).digest('hex').slice(0, 12)
  const folder = join(tmpdir(), `ingester-${process.getuid?.() ?? 0}-${project}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return { folder, socket: join(folder, `${who}.sock`) }
}

export interface ControlOptions {
  /** What is told to whoever asks, as soon as it is known; any JSON. */
  readonly status: Promise<object>
  /** Somebody wants it to end. Absent: that is for nobody else to say. */
  readonly stop?: () => void
}

/**
 * Answers at that place until it is disposed of.
 *
 * @throws Error with code EADDRINUSE if somebody else does
 */
export async function serveControl(
  { socket }: ControlPlace,
  { status, stop }: ControlOptions,
): Promise<AsyncDisposable> {
  const server = createServer((asked, answer) => {
    if (asked.url === '/') return void answer.end()
    if (asked.url === '/status') return void status.then((told) => answer.end(JSON.stringify(told)))
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
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function listening(server: Server, socket: string): Promise<void> {
  server.listen(socket)
  await once(server, 'listening')
}

/** What whoever is there says, when it is ready; undefined: nobody is there. */
export async function askStatus({ socket }: ControlPlace): Promise<object | undefined> {
  const answer = await ask(socket, 'GET', '/status')
  return answer && (JSON.parse(await text(answer)) as object)
}

/** Resolves when whoever was there is gone; false if nobody was. */
export async function askToStop({ socket }: ControlPlace): Promise<boolean> {
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
