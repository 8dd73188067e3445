import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { minimalEnvironment } from './environment.ts'
import { projectDir } from './program.ts'

/** An interactive shell on a terminal, in the project's folder. */
export interface Terminal extends AsyncDisposable {
  /** Types, then waits until the shell has dealt with it; the line is given up. What it wrote meanwhile. */
  type(keys: string): Promise<string>
}

const prompt = 'ready> '

export interface OnTerminal {
  /** Pressed when the program asks. */
  readonly key?: string | undefined
  /** Pressed one after the other, each when what was written so far matches. */
  readonly keys?: readonly (readonly [seen: RegExp, pressed: string])[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a line to its end on a terminal of 100 columns: its exit code, and everything that it wrote there. */
export async function onTerminal(
  line: string,
  { key, keys = [], cwd = projectDir, env }: OnTerminal = {},
): Promise<{ code: number; seen: string }> {
  const child = spawn('script', ['-qec', `stty cols 100 rows 30; ${line}`, '/dev/null'], {
    cwd,
    env: { ...minimalEnvironment(), TERM: 'xterm', ...env },
  })
  let seen = ''
  const left = [...keys]
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const hadAsked = seen.includes('?')
    seen += text
    if (key !== undefined && !hadAsked && seen.includes('?')) child.stdin.write(key)
    const [next] = left
    if (next?.[0].test(seen)) {
      left.shift()
      child.stdin.write(next[1])
    }
  })
  const [code] = await once(child, 'close')
  return { code: code as number, seen }
}

/** Its home is a writable folder; no user's settings are read. */
export async function openTerminal(shell: 'bash' | 'zsh', home: string): Promise<Terminal> {
  const start = {
    bash: 'exec bash --norc --noprofile -i',
    zsh: 'exec zsh -f +o promptsp -i',
  }[shell]
  const child = spawn('script', ['-qec', `stty cols 250; ${start}`, '/dev/null'], {
    cwd: projectDir,
    env: {
      ...minimalEnvironment(),
      HOME: home,
      TERM: 'dumb',
      LC_ALL: 'C.UTF-8',
      PS1: prompt,
      INPUTRC: '/dev/null',
      SHELL: '/bin/sh',
    },
  })
  const closed = once(child, 'close')
  let unread = ''
  let look = () => {}
  const ended = new Error(`${shell} has ended`)
  const { promise: gone, reject } = Promise.withResolvers<never>()
  gone.catch(() => {})
  child.once('close', () => reject(ended))
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    unread += text
    look()
  })
  const until = async (text: string) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    look = () => {
      const end = unread.indexOf(text)
      if (end < 0) return
      resolve(unread.slice(0, end))
      unread = unread.slice(end + text.length)
      look = () => {}
    }
    look()
    return Promise.race([promise, gone])
  }
  let turns = 0
  await until(prompt)
  return {
    type: async (keys) => {
      // The sum is typed, its result is not: only the shell writes that.
      const mark = ++turns
      child.stdin.write(`${keys}\u0015echo done-$((${mark}+0))-\r`)
      const seen = await until(`done-${mark}-`)
      await until(prompt)
      return seen
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await closed
    },
  }
}
