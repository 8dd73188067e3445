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

const fromShell = {
  envFile: undefined,
  own: { INGESTER_TOPICID: '1' },
  environment: { INGESTER_TOPICID: '1' },
}
const fromFile = {
  envFile: 'my own.env',
  own: { INGESTER_TOPICID: '1' },
  environment: { INGESTER_TOPICID: '1', INGESTER_SUBSCRIPTIONID: '2' },
}

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

test('a variable is set where it has an effect: the environment takes precedence over the file', () => {
  const fix = setting({ 'pubsub.topicId': '3', 'pubsub.subscriptionId': '4' })
  assert.equal(
    renderFixes([setting({ 'pubsub.topicId': '3', 'pubsub.subscriptionId': "it's" })], fromShell),
    `export INGESTER_TOPICID=3\nexport INGESTER_SUBSCRIPTIONID='it'\\''s'`,
  )
  assert.equal(
    renderFixes([fix], fromFile),
    `export INGESTER_TOPICID=3\nprintf '%s\\n' '' INGESTER_SUBSCRIPTIONID=4 >> 'my own.env'`,
  )
})

test('an empty value restores the default where there is one', () => {
  const fix = setting({ 'pubsub.topicId': '', 'pubsub.subscriptionId': '', 'pubsub.projectId': '' })
  assert.equal(renderFixes([fix], fromShell), 'unset INGESTER_TOPICID')
  assert.equal(
    renderFixes([fix], fromFile),
    `unset INGESTER_TOPICID\nsed -E -i.bak '/^ *(export +)?INGESTER_SUBSCRIPTIONID *=/d' 'my own.env'`,
  )
})

test('pasted into a shell, it changes the file: the last assignment counts, whatever the last line was', async () => {
  const values = { A: '3', B: "it's # no comment", C: 'a "b" `c`' }
  const fix = setting({
    'pubsub.topicId': values.A,
    'pubsub.subscriptionId': values.B,
    'pubsub.projectId': values.C,
    pipeline: '',
  })
  for (const before of [
    'INGESTER_TOPICID=1\nINGESTER_PIPELINE=5\nZ=9\n',
    'INGESTER_PIPELINE=5\nZ=9\nINGESTER_TOPICID=1',
    'INGESTER_TOPICID="1\n1"\nINGESTER_PIPELINE=5\nZ=9',
  ]) {
    const text = renderFixes([fix], inFolder({ INGESTER_PIPELINE: '5' }))
    assert.deepEqual(
      { ...(await fileAfter(text, before)) },
      { INGESTER_TOPICID: values.A, INGESTER_SUBSCRIPTIONID: values.B, INGESTER_PROJECTID: values.C, Z: '9' },
    )
  }
})

test('our own commands read the same file, or that of the owner', () => {
  assert.equal(renderFixes([ingester('migrate up')], fromShell), 'bin/ingester migrate up')
  assert.equal(renderFixes([ingester('doctor')], fromFile), "bin/ingester doctor --env-file 'my own.env'")
  assert.match(
    renderFixes([asOwner('migrate up')], fromFile),
    /^# as .*owner.*\nbin\/ingester migrate up --env-file owner\.env$/,
  )
})

test('they are about the pipelines that the command line names', () => {
  const named = { ...fromFile, pipelines: ['scans', './my orders.ts'] }
  const options = "--pipeline scans --pipeline './my orders.ts' --env-file 'my own.env'"
  for (const command of ['run', 'doctor'])
    assert.equal(renderFixes([ingester(command)], named), `bin/ingester ${command} ${options}`)
  assert.equal(
    renderFixes([ingester('migrate up')], named),
    "bin/ingester migrate up --env-file 'my own.env'",
  )
})

test('SQL is preceded by a comment with its role; what follows is marked as shell', () => {
  const fixes = [sql('a superuser', 'SELECT 1;'), setting({ 'pubsub.topicId': '2' })]
  assert.equal(
    renderFixes(fixes, fromShell),
    '-- in psql, as a superuser\nSELECT 1;\n# then in the shell\nexport INGESTER_TOPICID=2',
  )
})

test('a comment says for each variable where it comes from', () => {
  const text = renderFixes(
    [remark('fix', 'pubsub.topicId', 'pubsub.subscriptionId', 'pubsub.projectId')],
    fromFile,
  )
  assert.equal(
    text,
    '# fix INGESTER_TOPICID (from the environment, which overrides my own.env) and INGESTER_SUBSCRIPTIONID (in my own.env) and INGESTER_PROJECTID (not set)',
  )
})

test('the servers of the project: added to the current env file, or to a new one', async () => {
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

test('a secret is prompted for, and stored where it is looked for', async () => {
  const asked = renderFixes([secret('redis.password')], fromShell)
  const { stdout } = await pasteShell(`${asked}; printenv INGESTER_REDIS_PASSWORD`, {}, "it's a secret\n")
  assert.equal(stdout, "INGESTER_REDIS_PASSWORD: it's a secret\n")

  const file = join(folder, 'not there yet', "doctor's secret")
  const inFile = renderFixes([secret('redis.password')], {
    ...fromShell,
    environment: { INGESTER_REDIS_PASSWORD_FILE: file },
  })
  const then = await pasteShell(`${inFile}; cat ${shellWord(file)}; rm ${shellWord(file)}`, {}, 'x y\n')
  assert.equal(then.stdout, 'INGESTER_REDIS_PASSWORD: x y')
})

test('an invalid file path is not printed, and the variable takes its place', () => {
  const environment = { INGESTER_REDIS_PASSWORD_FILE: 'hunter2' }
  assert.equal(
    renderFixes([secret('redis.password')], { envFile: undefined, own: environment, environment }),
    "unset INGESTER_REDIS_PASSWORD_FILE\nprintf 'INGESTER_REDIS_PASSWORD: '; read -rs INGESTER_REDIS_PASSWORD; export INGESTER_REDIS_PASSWORD",
  )
  assert.doesNotMatch(renderFixes([secret('redis.password')], inFolder(environment)), /hunter2/)
})

test('a secret in the env file is replaced there, whatever it contains, and is never shown', async () => {
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
  const files = ['INGESTER_REDIS_PASSWORD=wrong\nB=2\n', 'B=2\nexport INGESTER_REDIS_PASSWORD = wrong', 'B=2']
  for (const [i, value] of secrets.entries()) {
    const text = renderFixes([secret('redis.password')], inFolder({ INGESTER_REDIS_PASSWORD: 'wrong' }))
    const then = await fileAfter(text, files[i % files.length] ?? '', `${value}\n`)
    assert.deepEqual({ ...then }, { INGESTER_REDIS_PASSWORD: value, B: '2' }, value)
    assert.doesNotMatch(await readFile(inFolder().envFile, 'utf8'), /wrong/)
  }
})

test('for a rejected secret it says where it was read, and when that file changed', async () => {
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
