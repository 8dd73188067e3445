import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { parseEnvFile } from '#config/env-file.ts'
import { asOwner, ingester, ownStack, remark, secret, setting, shellWord, sql } from '#core/fix.ts'
import { pasteShell } from '../../test/support/paste.ts'
import { renderFixes, secretOrigin } from './render-fixes.ts'

const folder = await mkdtemp(join(tmpdir(), "it's pasted "))
afterAll(() => rm(folder, { recursive: true }))

const fromShell = { envFile: undefined, own: { A: '1' }, environment: { A: '1' } }
const fromFile = { envFile: 'my own.env', own: { A: '1' }, environment: { A: '1', B: '2' } }

/** What an env file says after something was pasted. */
async function fileAfter(text: string, before: string, input = ''): Promise<Record<string, string>> {
  const { envFile } = inFolder()
  await writeFile(envFile, before, { mode: 0o640 })
  const { code, stderr } = await pasteShell(text, {}, input)
  assert.equal(code, 0, stderr)
  assert.equal((await stat(envFile)).mode & 0o777, 0o640)
  const { values, faults } = parseEnvFile(await readFile(envFile, 'utf8'))
  assert.deepEqual(faults, [])
  return Object.fromEntries(values)
}

const inFolder = (environment: Readonly<Record<string, string>> = {}) => ({
  envFile: join(folder, 'my own.env'),
  own: {},
  environment,
})

test('a variable is set where it has an effect: the environment goes before the file', () => {
  const fix = setting({ A: '3', B: '4' })
  assert.equal(renderFixes([setting({ A: '3', B: "it's" })], fromShell), `export A=3\nexport B='it'\\''s'`)
  assert.equal(renderFixes([fix], fromFile), `export A=3\nprintf '%s\\n' '' B=4 >> 'my own.env'`)
})

test('an empty value takes one back where there is one', () => {
  const fix = setting({ A: '', B: '', C: '' })
  assert.equal(renderFixes([fix], fromShell), 'unset A')
  assert.equal(renderFixes([fix], fromFile), `unset A\nsed -E -i.bak '/^ *(export +)?B *=/d' 'my own.env'`)
})

test('pasted into a shell, it changes the file: the last assignment holds, whatever the last line was', async () => {
  const values = { A: '3', B: "it's # no comment", C: 'a "b" `c`', D: '' }
  for (const before of ['A=1\nD=5\nZ=9\n', 'D=5\nZ=9\nA=1', 'A="1\n1"\nD=5\nZ=9']) {
    const text = renderFixes([setting(values)], inFolder({ D: '5' }))
    assert.deepEqual(
      { ...(await fileAfter(text, before)) },
      { A: values.A, B: values.B, C: values.C, Z: '9' },
    )
  }
})

test('commands of ours read the same file, or that of the owner', () => {
  assert.equal(renderFixes([ingester('migrate up')], fromShell), 'bin/ingester migrate up')
  assert.equal(renderFixes([ingester('doctor')], fromFile), "bin/ingester doctor --env-file 'my own.env'")
  assert.match(
    renderFixes([asOwner('migrate up')], fromFile),
    /^# as .*owner.*\nbin\/ingester migrate up --env-file owner\.env$/,
  )
})

test('SQL says for whom it is, in a comment; what follows it, that it is for the shell', () => {
  const fixes = [sql('a superuser', 'SELECT 1;'), setting({ A: '2' })]
  assert.equal(
    renderFixes(fixes, fromShell),
    '-- in psql, as a superuser\nSELECT 1;\n# then in the shell\nexport A=2',
  )
})

test('a remark says of each variable where it comes from', () => {
  const text = renderFixes([remark('fix', 'A', 'B', 'C')], fromFile)
  assert.equal(
    text,
    '# fix A (from the environment, which goes before my own.env) and B (in my own.env) and C (not set)',
  )
})

test('the servers of the project: added to the file that is in use, or in one of their own', async () => {
  const stands = { INGESTER_POSTGRES_PORT: '1', INGESTER_REDIS_TTL: '1h' }
  const text = renderFixes([ownStack], { envFile: undefined, own: stands, environment: stands })
  assert.deepEqual(text.split('\n').slice(1), [
    'bin/ingester stack up --detach --write .env.local',
    'unset INGESTER_POSTGRES_PORT',
    'bin/ingester doctor --env-file .env.local',
  ])
  const secretFile = { INGESTER_POSTGRES_PASSWORD_FILE: '/nowhere' }
  const inFile = renderFixes([ownStack], { ...inFolder(secretFile), own: stands })
  assert.match(inFile, /\nunset INGESTER_POSTGRES_PORT\n/)
  const pasted = inFile.replace('bin/ingester stack up --detach', 'echo INGESTER_POSTGRES_PORT=2')
  assert.deepEqual(
    { ...(await fileAfter(pasted, 'INGESTER_POSTGRES_PORT=1\nKEPT=1')) },
    {
      INGESTER_POSTGRES_PORT: '2',
      KEPT: '1',
    },
  )
})

test('a secret is asked for, and gets where it is looked for', async () => {
  const asked = renderFixes([secret('A_SECRET')], fromShell)
  const { stdout } = await pasteShell(`${asked}; printenv A_SECRET`, {}, "it's a secret\n")
  assert.equal(stdout, "A_SECRET: it's a secret\n")

  const file = join(folder, 'not there yet', "doctor's secret")
  const inFile = renderFixes([secret('A_SECRET')], { ...fromShell, environment: { A_SECRET_FILE: file } })
  const then = await pasteShell(`${inFile}; cat ${shellWord(file)}; rm ${shellWord(file)}`, {}, 'x y\n')
  assert.equal(then.stdout, 'A_SECRET: x y')
})

test('where a file is named by what is no path, that is not repeated, and the variable takes its place', () => {
  const environment = { A_SECRET_FILE: 'hunter2' }
  assert.equal(
    renderFixes([secret('A_SECRET')], { envFile: undefined, own: environment, environment }),
    "unset A_SECRET_FILE\nprintf 'A_SECRET: '; read -rs A_SECRET; export A_SECRET",
  )
  assert.doesNotMatch(renderFixes([secret('A_SECRET')], inFolder(environment)), /hunter2/)
})

test('one that the env file has replaces it there, whatever it is made of, and nothing shows it', async () => {
  const secrets = [
    'plain',
    'with # and $HOME',
    `it's`,
    '"quoted"',
    'back`tick',
    `all "of\\n' it`,
    `'\``,
    '%s\\n\\',
  ]
  const files = ['A_SECRET=wrong\nB=2\n', 'B=2\nexport A_SECRET = wrong', 'B=2']
  for (const [i, value] of secrets.entries()) {
    const text = renderFixes([secret('A_SECRET')], inFolder({ A_SECRET: 'wrong' }))
    const then = await fileAfter(text, files[i % files.length] ?? '', `${value}\n`)
    assert.deepEqual({ ...then }, { A_SECRET: value, B: '2' }, value)
    assert.doesNotMatch(await readFile(inFolder().envFile, 'utf8'), /wrong/)
  }
})

test('of a secret that is refused it is told where it was read, and when that file was changed', async () => {
  const file = join(folder, 'a secret')
  await writeFile(file, 'x')
  await utimes(file, 0, 0)
  const told = (environment: Readonly<Record<string, string>>) =>
    secretOrigin('A_PASSWORD', { envFile: undefined, own: environment, environment })
  assert.equal(told({}), '')
  assert.equal(told({ A_PASSWORD: 'x' }), '; it was read from A_PASSWORD (from the environment)')
  assert.equal(
    told({ A_PASSWORD_FILE: file }),
    '; it was read from A_PASSWORD_FILE (from the environment), a file last changed 1970-01-01T00:00:00.000Z',
  )
  assert.equal(told({ A_URL: 'x', A_PASSWORD: 'x' }), '; it was read from A_PASSWORD (from the environment)')
  assert.equal(told({ A_URL: 'x' }), '; it was read from A_URL (from the environment)')
  assert.match(told({ A_URL_FILE: file }), /A_URL_FILE \(from the environment\), a file last changed 1970/)
})
