import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { projectDir, startIngesterProgram } from '../support/program.ts'
import { openTerminal } from '../support/terminal.ts'

const dir = mkdtempSync(join(tmpdir(), 'completion-'))
afterAll(() => rmSync(dir, { recursive: true }))
const script = { bash: join(dir, 'bash'), zsh: join(dir, 'zsh') }
const shells = Object.keys(script) as (keyof typeof script)[]
for (const shell of shells) writeFileSync(script[shell], ingester('completion', shell))

function ingester(...args: string[]): string {
  return execFileSync(join(projectDir, 'bin/ingester'), args, { encoding: 'utf8' })
}

/** What bash is told to offer for each line, whose end is where TAB is pressed. One bash serves all lines. */
function offered(lines: readonly string[], cwd = dir): string[][] {
  const calls = lines.map((line) => {
    // As bash divides words.
    const words = [...(line.match(/[^\s=:]+|[=:]+/g) ?? []), ...(/\s$/.test(line) ? [''] : [])]
    const last = words.at(-1) ?? ''
    const replaced = /^[=:]+$/.test(last) ? '' : last
    return `COMP_WORDS=(${words.map(quoted).join(' ')}) COMP_CWORD=${words.length - 1}
COMP_LINE=${quoted(line)} COMP_POINT=${line.length}
_ingester ingester ${quoted(replaced)} ''
printf '%s\\n' "\${COMPREPLY[@]}" ---`
  })
  const text = `set -u\n. ${script.bash}\n${calls.join('\n')}`
  const { stdout, stderr } = spawnSync('bash', ['--norc', '--noprofile'], {
    input: text,
    cwd,
    encoding: 'utf8',
  })
  assert.equal(stderr, '')
  return stdout
    .split('---\n')
    .slice(0, -1)
    .map((part) => part.split('\n').filter((word) => word !== ''))
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** What the program's own help lists. */
function helpOf(path: readonly string[]): { commands: string[]; options: string[] } {
  const text = ingester(...path, '--help')
  const section = (name: string) => new RegExp(`^${name}:\n((?: .*\n)+)`, 'm').exec(text)?.[1] ?? ''
  return {
    commands: [...section('Commands').matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, word = '']) => word),
    // The top-level help has no line for itself.
    options: [
      ...new Set([
        ...[...section('Options').matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, word = '']) => word),
        '--help',
      ]),
    ],
  }
}

function commandsBelow(
  path: readonly string[] = [],
): { path: string[]; commands: string[]; options: string[] }[] {
  const help = helpOf(path)
  const below = help.commands.filter((word) => word !== 'help').map((word) => commandsBelow([...path, word]))
  return [{ path: [...path], ...help }, ...below.flat()]
}

test('every command and every option that help lists is offered, and nothing else', () => {
  const all = commandsBelow()
  assert.ok(all.length > 20)
  const lines = all.flatMap(({ path }) => {
    const words = ['bin/ingester', ...path].join(' ')
    return [`${words} `, `${words} --`]
  })
  const answers = offered(lines)
  for (const [i, { path, commands, options }] of all.entries()) {
    const words = path.join(' ')
    if (commands.length > 0)
      assert.deepEqual(answers[2 * i]?.toSorted(), [...new Set([...commands, 'help'])].sort(), words)
    assert.deepEqual(answers[2 * i + 1]?.toSorted(), options.sort(), words)
  }
})

describe('what is offered', () => {
  const cases: readonly (readonly [line: string, offers: string])[] = [
    ['ingester mig', 'migrate'],
    ['./bin/ingester dead-letters re', 'redrive'],
    ['ingester dead-letters list --st', '--status'],
    ['ingester dead-letters list --status ', 'new redriven discarded all'],
    ['ingester dead-letters discard --status ', 'new redriven'],
    ['ingester dead-letters list --limit 5 --status re', 'redriven'],
    ['ingester dead-letters list --status=', 'new redriven discarded all'],
    ['ingester dead-letters list --status=n', 'new'],
    ['ingester dead-letters list --limit=5 --status=n', 'new'],
    ['ingester dead-letters list --status --js', ''],
    ['ingester dead-letters show 12 --j', '--json'],
    ['ingester dead-letters show 12 ', '--env-file --json --pipeline --help'],
    ['ingester dead-letters show --env-file 12 ', ''],
    ['ingester why 2001:db8::1 443 --j', '--json'],
    ['ingester why -- --j', ''],
    ['ingester completion ', 'bash zsh'],
    ['ingester completion b', 'bash'],
    ['ingester help mig', 'migrate'],
    ['ingester migrate help ', 'up down status'],
    ['ingester stack down ', '--help'],
    ['ingester run migrate ', '--pipeline --env-file --help'],
    ['ingester nonsense mig', ''],
  ]
  const answers = offered(cases.map(([line]) => line))
  for (const [i, [line, offers]] of cases.entries())
    test(`${line}▏`, () => assert.equal(answers[i]?.join(' '), offers))
})

test('files only where a file is expected', () => {
  const cwd = mkdtempSync(join(dir, 'files-'))
  for (const name of ['one.env', 'one two.env', '5', 'up']) writeFileSync(join(cwd, name), '')
  const files = ['ingester run --env-file o', 'ingester stack up --write=o', 'ingester why a --env-file o']
  for (const answer of offered(files, cwd)) assert.deepEqual(answer, ['one\\ two.env', 'one.env'])
  const others = [
    'ingester demo --for ',
    'ingester demo --rate=',
    'ingester dead-letters list --since ',
    'ingester why ',
    'ingester dead-letters show ',
    'ingester emulator --port ',
  ]
  for (const answer of offered(others, cwd)) assert.deepEqual(answer, [])
})

test('words are complete where = and : do not split them', () => {
  const words = ['ingester', 'dead-letters', 'list', '--status=n']
  assert.equal(reply(words, words.join(' ').length, '--status=n'), '--status=new')
  assert.equal(reply(words, words.join(' ').length, 'n'), 'new')
})

test('text behind the cursor does not count', () => {
  const words = ['ingester', 'dead-letters', 'list', '--status', 'rexyz']
  assert.equal(reply(words, words.join(' ').length - 'xyz'.length, 're'), 'redriven')
})

/** What is offered for the last word, when bash has divided the line like this and would replace so much of it. */
function reply(words: readonly string[], cursor: number, replaced: string): string {
  const input = `. ${script.bash}
COMP_WORDS=(${words.map(quoted).join(' ')}) COMP_CWORD=${words.length - 1}
COMP_LINE=${quoted(words.join(' '))} COMP_POINT=${cursor}
_ingester ingester ${quoted(replaced)} ''
echo "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['--norc', '--noprofile'], { input, encoding: 'utf8' }).trimEnd()
}

test('zsh uses the same code as bash, which needs no more than sh', () => {
  const [bash = '', zsh = ''] = shells.map((shell) => readFileSync(script[shell], 'utf8'))
  const [shared = ''] = /^_ingester_command\(\)[^]*^_ingester_look\(\)[^]*?^\}\n/m.exec(zsh) ?? []
  assert.ok(shared !== '' && bash.includes(shared))
  const input = `${shared}\n_ingester_look dead-letters list --status=; echo "$wanted" $offers`
  assert.equal(execFileSync('sh', { input, encoding: 'utf8' }), 'words new redriven discarded all\n')
})

test('an unknown shell: exit 2 and the list', async () => {
  await using program = startIngesterProgram(['completion', 'fish'])
  await expect(program).toEndWith(2)
  assert.match(program.stderr(), /'fish' is invalid.*choices are bash, zsh/)
  assert.equal(program.stdout(), '')
})

// bash is there wherever make is; zsh takes part where it is installed.
const installed = shells.filter((shell) => spawnSync(shell, ['-c', ':']).status === 0)
for (const shell of installed) {
  test(`on a terminal, ${shell} completes, and evaluates nothing that was typed`, async () => {
    const home = mkdtempSync(join(dir, 'home-'))
    writeFileSync(join(home, 'one two.env'), '')
    await using terminal = await openTerminal(shell, home)
    // zsh's own TAB expands the word before it completes it, for any command and without any completion.
    if (shell === 'zsh') await terminal.type("bindkey '^I' complete-word\r")
    await terminal.type(`eval "$(bin/ingester completion ${shell})"\r`)
    const tab = async (line: string) => (await terminal.type(`${line}\t`)).replaceAll('\r', '')
    assert.match(await tab('bin/ingester mig'), /bin\/ingester migrate /)
    assert.match(await tab('./bin/ingester stack up --wr'), /--write /)
    assert.match(await tab('ingester dead-letters list --status=di'), /--status=discarded /)
    assert.match(await tab('A=1 ingester why 2001:db8::1 443 --js'), /443 --json /)
    assert.match(await tab('ingester run --env-file ~/one'), /~\/one\\ two\.env /)
    assert.match(await tab(`ingester run --env-file=${home}/`), /one\\ two\.env /)
    await terminal.type('cd\r')
    const before = readdirSync(home)
    const evil = ['$(touch x)', '`touch x`', "';touch x'", '"$(touch x)"', '<(touch x)', '${x:=$(touch x)}']
    for (const word of evil) {
      for (const rest of ['', ' ', '/', ' --j', ' --env-file ']) await tab(`ingester why ${word}${rest}`)
      for (const value of [word, `${word}/`, `${word}/a`]) {
        await tab(`ingester run --env-file ${value}`)
        await tab(`ingester run --env-file=${value}`)
        await tab(`ingester dead-letters list --status=${value}`)
      }
    }
    assert.deepEqual(readdirSync(home), before)
  })
}
