// Every service runs below a small shell, its supervisor, and one pipe ties the two to this process, which
// alone holds its write end. When it closes, the supervisor ends the service and removes its folder.
//
// The obvious ways each leave something behind. A child in our own process group dies with the first Ctrl-C,
// before the last batch is flushed into it. A detached child outlives an owner that was killed with -9, since
// no exit hook runs then. The kernel closes a pipe in every case, so closing it is the only way we stop.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Account } from './account.ts'

// fd 3 reports to the owner, fd 4 is the pipe from it. The owner writes nothing, or `stop` and `keep` (the
// folder), and closes.
// - A shell's background jobs ignore SIGINT; PostgreSQL and Redis install their own handlers.
// - The supervisor ignores signals only after its children are started, since they would inherit that.
// - A frozen process (SIGSTOP) is continued first, or it could not handle the stop signal. PostgreSQL's
//   children are sessions of their own, hence by parent and not by group.
// - The watcher is ended before the service's pid can be reused.
// - Files may still be written by a dying grandchild while `rm` runs, hence the second try.
const script = String.raw`
signal=$1 grace=$2 folder=$3 input=$4
shift 4
LC_ALL=C
export LC_ALL
exec 4<&0
"$@" <"$input" 3>&- 4<&- &
service=$!
children() { cat "/proc/$service/task/$service/children" 2>/dev/null || pgrep -P "$service"; }
watch() {
  read -r word <&4
  kill -CONT "$service" $(children)
  kill -"$signal" "$service"
  tenths=$((grace * 10))
  while [ "$tenths" -gt 0 ] && kill -0 "$service"; do
    sleep 0.1
    tenths=$((tenths - 1))
  done
  kill -KILL "$service" $(children)
}
watch >/dev/null 2>&1 3>&- &
watcher=$!
trap '' HUP INT TERM PIPE
echo "started $service" >&3
wait "$service"
code=$?
kill "$watcher" 2>/dev/null
echo "exited $code" >&3
while read -r word <&4; do
  [ "$word" = keep ] && exit 0
done
cd /
rm -rf "$folder" 2>/dev/null || { sleep 0.5; rm -rf "$folder"; }
`

/** What to run and how to end it. */
export interface Command {
  /** For messages: `PostgreSQL`. */
  readonly name: string
  /** Absolute path, or a name on PATH. */
  readonly file: string
  readonly args: readonly string[]
  /** An existing folder: the command's working folder, removed after its end. */
  readonly folder: string
  /** The polite way to ask for its end. */
  readonly stopSignal: 'INT' | 'TERM'
  /** Time to follow the signal, before SIGKILL. */
  readonly graceSeconds: number
  /** A file to read as standard input; none: empty. */
  readonly input?: string
  /** Run as this user (only root may ask for it). */
  readonly account?: Account | undefined
  /** Absent: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
}

/** A command under a supervisor, running or ended. */
export interface Supervised {
  /** The pid of the command itself; rejects if it could not be started. */
  readonly started: Promise<number>
  /** Resolves when the command has ended, with its exit code (128 + n: signal n). Never rejects. */
  readonly exited: Promise<number>
  /** Calls `listener` with each further line of its output, both streams. */
  onLine(listener: (line: string) => void): void
  /** The last lines of its output so far. */
  tail(): string
  /** Ends the command and its supervisor; removes the folder unless it is to be kept. Idempotent. */
  end(options?: { keepFolder?: boolean }): Promise<void>
}

const tailLines = 20
const drainMs = 1_000

/** Starts `command` in its own session. It ends with `end()`, or as soon as this process is gone. */
export const supervise = (command: Command): Supervised => {
  const {
    name,
    stopSignal,
    graceSeconds,
    folder,
    input = '/dev/null',
    file,
    args,
    account,
    environment,
  } = command
  const child = spawn(
    '/bin/sh',
    ['-c', script, `supervisor of ${name}`, stopSignal, String(graceSeconds), folder, input, file, ...args],
    {
      cwd: folder,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      ...(account && { uid: account.uid, gid: account.gid }),
      ...(environment && { env: environment }),
    },
  )
  const { stdin: line, stdout, stderr } = child
  const report = child.stdio[3] as Readable
  // The supervisor may be gone already, which its exit event shows.
  line.on('error', () => {})

  const tail: string[] = []
  const listeners: ((line: string) => void)[] = []
  for (const stream of [stdout, stderr]) {
    createInterface({ input: stream }).on('line', (text) => {
      tail.push(text)
      if (tail.length > tailLines) tail.shift()
      for (const listener of listeners) listener(text)
    })
  }

  const started = Promise.withResolvers<number>()
  const exited = Promise.withResolvers<number>()
  const gone = Promise.withResolvers<void>()
  const drained = once(child, 'close').catch(() => {})
  createInterface({ input: report }).on('line', (text) => {
    const [word, number] = text.split(' ')
    if (word === 'started') started.resolve(Number(number))
    if (word === 'exited') exited.resolve(Number(number))
  })
  const lost = (error: Error): void => {
    started.reject(error)
    exited.resolve(-1)
    gone.resolve()
  }
  started.promise.catch(() => {})
  child.on('error', lost)
  // What the supervisor has reported is still to be read when its exit is known.
  child.on('exit', () => setImmediate(() => lost(new Error(`${name} could not be started`))))

  return {
    started: started.promise,
    exited: exited.promise,
    onLine: (listener) => void listeners.push(listener),
    tail: () => tail.join('\n'),
    end: async ({ keepFolder = false } = {}) => {
      if (!line.writableEnded) line.end(keepFolder ? 'stop\nkeep\n' : '')
      await gone.promise
      // The last lines say why it failed. A stray grandchild may hold the pipe, hence the limit.
      await within(drainMs, drained)
    },
  }
}

const within = async (ms: number, promise: Promise<unknown>): Promise<void> => {
  const limit = Promise.withResolvers<void>()
  const timer = setTimeout(limit.resolve, ms)
  await Promise.race([promise, limit.promise])
  clearTimeout(timer)
}
