// Kills child processes when this process is gone, however it ended: also by kill -9, when no exit hook runs, and also
// children that are stopped or too busy to see that a channel has closed. A small shell holds the list; the kernel closes
// its input in every case. The children stay direct children of this process.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'

const script = `
held=' '
while read -r word group; do
  case $word in
    hold) held="$held$group " ;;
    free) held="\${held%% $group *} \${held#* $group }" ;;
  esac
done
for group in $held; do kill -s KILL -- "-$group"; done
`

let holder: ChildProcess | undefined

/**
 * @param pid of a child that leads a process group; that group is killed
 * @param ended resolves when the child has ended: its pid may then be reused
 */
export function killWithParent(pid: number, ended: Promise<unknown>): void {
  holder ??= startHolder()
  const { stdin } = holder
  stdin?.write(`hold ${pid}\n`)
  const free = () => void stdin?.write(`free ${pid}\n`)
  ended.then(free, free)
}

function startHolder(): ChildProcess {
  // A terminal's Ctrl-C is not for it.
  const child = spawn('/bin/sh', ['-c', script, 'kill-on-exit'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // It must not keep this process alive.
  child.on('error', () => {}).unref()
  const input = child.stdin as Socket
  input.on('error', () => {}).unref()
  return child
}
