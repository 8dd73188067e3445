import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, readdir, readlink, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, test } from 'vitest'
import { killWithParent } from '../../test/support/kill-on-exit.ts'
import { signalEach } from '../../test/support/signal-each.ts'
import { freePort, host, reach } from './ports.ts'
import { serverProcesses } from './processes.ts'
import { startRedis } from './redis.ts'
import { startStack } from './stack.ts'

const withoutPubsub = { pubsub: false, ports: { postgres: 0, redis: 0 } }

// The stacks of other programs, started here, put their folders into one that must be empty in the end.
let folders = ''
beforeAll(async () => {
  folders = await mkdtemp(join(tmpdir(), 'ingester-test-'))
  await chmod(folders, 0o1777)
})
afterAll(async () => await rm(folders, { recursive: true }))

const until = async (what: string, met: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 20_000
  while (!(await met())) {
    assert.ok(Date.now() < deadline, `not within 20 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const noFolder = async (): Promise<boolean> => (await readdir(folders)).length === 0
const ended = async (pid: number): Promise<boolean> => (await serverProcesses(pid)).length === 0

const workingFolder = async (pid: number): Promise<string> => await readlink(`/proc/${pid}/cwd`)

interface Program {
  readonly child: ChildProcess
  /** The next line that it prints, parsed; rejects when it ends without one. */
  next<T>(): Promise<T>
  readonly exit: Promise<unknown>
}

/** Another program: `body` after an import of this module; it prints JSON lines. */
const runProgram = (body: string, env: NodeJS.ProcessEnv = {}, detached = false): Program => {
  const script = `import { startStack } from ${JSON.stringify(import.meta.resolve('./stack.ts'))}\n${body}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached,
    env: { ...process.env, TMPDIR: folders, ...env },
  })
  const exit = once(child, 'exit')
  if (detached) killWithParent(child.pid as number, exit)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async <T>(): Promise<T> => {
    const { done, value } = await lines.next()
    assert.ok(done !== true, 'the program ended without a word')
    return JSON.parse(value) as T
  }
  return { child, next, exit }
}

test('postgres and redis start in parallel and end with the block', async () => {
  const lines: string[] = []
  const pids: number[] = []
  {
    await using stack = await startStack({ ...withoutPubsub, log: (line) => void lines.push(line) })
    assert.ok(stack.postgres && stack.redis && !stack.pubsub)
    assert.deepEqual(stack.missing, [])
    await Promise.all([reach(stack.postgres, 1_000), reach(stack.redis, 1_000)])
    pids.push(stack.postgres.pid, stack.redis.pid)
  }
  for (const pid of pids) assert.ok(await ended(pid))
  assert.match(lines.join('\n'), /PostgreSQL on port \d+ \(/)
  assert.match(lines.join('\n'), /Redis on port \d+ \(/)
  assert.equal(lines.length, 2)
})

/** The arguments of every process of this machine that this user may see. */
const allArguments = async (): Promise<string[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  return await Promise.all(
    pids.map(async (pid) => await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  )
}

/** Runs while `work` does, and then once more. */
const during = async <T>(work: Promise<T>, look: () => Promise<void>): Promise<T> => {
  const looking = new AbortController()
  const looked = (async () => {
    while (!looking.signal.aborted) {
      await look()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  const result = await work.finally(() => looking.abort())
  await looked
  await look()
  return result
}

test('passwords are random, in files for this user alone, and never an argument of a process', async () => {
  const seen = new Set<string>()
  const look = async () => {
    for (const line of await allArguments()) seen.add(line)
  }
  await using stack = await during(startStack(withoutPubsub), look)
  await using other = await startRedis({ port: 0 })
  const { postgres, redis } = stack
  assert.ok(postgres && redis?.password && other?.password)
  const secrets = [postgres.password, redis.password, postgres.writer.password]
  assert.equal(new Set([...secrets, other.password]).size, 4)
  for (const secret of secrets) {
    assert.match(secret, /^[\w-]{24}$/)
    assert.deepEqual(
      [...seen].filter((line) => line.includes(secret)),
      [],
    )
  }
  assert.ok(
    [...seen].some((line) => line.includes('--single')),
    'it was looked at while the data folder was made',
  )
  const files = [postgres.serviceFile, join(await workingFolder(redis.pid), 'redis.conf')]
  for (const [at, file] of files.entries()) {
    assert.equal((await stat(file)).mode & 0o777, 0o600, file)
    assert.equal((await stat(dirname(file))).mode & 0o777, 0o700, file)
    assert.ok((await readFile(file, 'utf8')).includes(secrets[at] as string))
  }
  assert.deepEqual(
    (await readdir(dirname(postgres.serviceFile))).sort().filter((name) => name !== 'native'),
    ['data', 'service'],
    'what set it up is gone',
  )
})

test('Redis answers only with its password', async () => {
  await using redis = await startRedis({ port: 0 })
  assert.ok(redis?.password)
  const answers = async (...commands: string[]): Promise<string> => {
    const socket = connect(redis)
    socket.end(commands.map((line) => `${line}\r\n`).join(''))
    return await text(socket)
  }
  assert.match(await answers('FLUSHALL'), /^-NOAUTH/)
  assert.match(await answers('AUTH scanner', 'FLUSHALL'), /^-WRONGPASS[^]*\n-NOAUTH/)
  assert.equal(await answers(`AUTH ${redis.password}`, 'FLUSHALL'), '+OK\r\n+OK\r\n')
  await redis.restart()
  assert.match(await answers('FLUSHALL'), /^-NOAUTH/, 'nor after a restart')
})

test('a taken port: the next one, and the log says so', async () => {
  const port = await freePort(0)
  const lines: string[] = []
  await using first = await startStack({ postgres: false, pubsub: false, ports: { redis: port } })
  const log = (line: string): void => void lines.push(line)
  await using second = await startStack({ postgres: false, pubsub: false, ports: { redis: port }, log })
  assert.equal(first.redis?.port, port)
  assert.ok(second.redis && second.redis.port > port)
  assert.match(lines.join('\n'), new RegExp(`since ${port} is taken`))
})

test('when one service fails, the others are stopped', async () => {
  const program = runProgram(
    `const pubsubEmulatorHost = '${host}:${await freePort(0)}'
     const failing = startStack({ ports: { postgres: 0, redis: 0 }, pubsubEmulatorHost })
     failing.catch((error) => console.log(JSON.stringify(error.message)))`,
  )
  assert.match(await program.next<string>(), /nothing answers at PUBSUB_EMULATOR_HOST/)
  await program.exit
  assert.ok(await noFolder())
})

test('no redis-server on PATH: it is missing, with the fix', async () => {
  const program = runProgram(
    `const stack = await startStack({ postgres: false, pubsub: false })
     console.log(JSON.stringify(stack.missing))`,
    { PATH: '/nowhere' },
  )
  const [missing] = await program.next<{ service: string; why: string; fix: string }[]>()
  assert.equal(missing?.service, 'redis')
  assert.match(missing.fix, /apt-get install redis-server.*brew install redis/)
})

interface Report {
  readonly pids: number[]
  readonly bystander: number
}

// The bystander is a child that outlives its parent: did it inherit the pipes, nothing would ever end.
const owner = `
  import { spawn } from 'node:child_process'
  const stack = await startStack({ pubsub: false, ports: { postgres: 0, redis: 0 } })
  const bystander = spawn('sleep', ['120'], { detached: true, stdio: 'ignore' }).pid
  console.log(JSON.stringify({ pids: [stack.postgres.pid, stack.redis.pid], bystander }))`

for (const signal of ['SIGKILL', 'SIGINT'] as const) {
  test(`an owner ended by ${signal} leaves no process and no folder`, async (t) => {
    const program = runProgram(owner)
    const { pids, bystander } = await program.next<Report>()
    t.onTestFinished(() => void process.kill(bystander))
    const all = (await Promise.all(pids.map(serverProcesses))).flat()
    assert.ok(all.length > 3)
    program.child.kill(signal)
    for (const pid of all) await until(`the end of ${pid}`, async () => await ended(pid))
    await until('the end of the folders', noFolder)
    assert.equal(await ended(bystander), false)
  })
}

test('an owner killed while its server is frozen leaves nothing either', async () => {
  const program = runProgram(owner)
  const { pids, bystander } = await program.next<Report>()
  process.kill(bystander)
  const all = (await Promise.all(pids.map(serverProcesses))).flat()
  signalEach(all, 'SIGSTOP')
  program.child.kill('SIGKILL')
  for (const pid of all) await until(`the end of ${pid}`, async () => await ended(pid))
  await until('the end of the folders', noFolder)
})

test('an owner killed while it prepares the data folder leaves nothing either', async () => {
  const program = runProgram('await startStack({ redis: false, pubsub: false, ports: { postgres: 0 } })')
  const isMade = async (): Promise<boolean> => {
    const [folder] = await readdir(folders)
    return folder !== undefined && (await readdir(join(folders, folder))).includes('data')
  }
  await until('a data folder in the making', isMade)
  assert.ok(program.child.pid)
  program.child.kill('SIGKILL')
  await until('the end of the folders', noFolder)
})

test("a terminal's Ctrl-C reaches the owner, not its services", async () => {
  const program = runProgram(
    `import { reach } from ${JSON.stringify(import.meta.resolve('./ports.ts'))}
     const lines = []
     const log = (line) => lines.push(line)
     const stack = await startStack({ pubsub: false, ports: { postgres: 0, redis: 0 }, log })
     process.once('SIGINT', async () => {
       const { redis, postgres } = stack
       for (let i = 0; i < 20; i += 1) await Promise.all([reach(redis, 1000), reach(postgres, 1000)])
       await stack.stop()
       console.log(JSON.stringify(lines.filter((line) => line.includes('ended'))))
     })
     console.log('"ready"')`,
    {},
    true,
  )
  assert.equal(await program.next(), 'ready')
  assert.ok(program.child.pid)
  // To the whole process group, as a terminal does.
  process.kill(-program.child.pid, 'SIGINT')
  assert.deepEqual(await program.next(), [])
  await program.exit
})
