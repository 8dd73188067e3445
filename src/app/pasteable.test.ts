import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ingester, secret, setting, shellWord, sql } from '#core/mend.ts'
import { pasteShell } from '../../test/support/paste.ts'
import { pasteable } from './pasteable.ts'

const fromShell = { envFile: undefined, own: { A: '1' }, environment: { A: '1' } }
const fromFile = { envFile: 'my own.env', own: { A: '1' }, environment: { A: '1', B: '2' } }

test('a variable is set where it has an effect: the environment goes before the file', () => {
  const mend = setting({ A: '3', B: "it's" })
  assert.equal(pasteable([mend], fromShell), `export A=3\nexport B='it'\\''s'`)
  assert.equal(pasteable([mend], fromFile), `export A=3\n# in my own.env\nB=it's`)
})

test('an empty value takes one back where there is one', () => {
  const mend = setting({ A: '', B: '', C: '' })
  assert.equal(pasteable([mend], fromShell), 'unset A')
  assert.equal(pasteable([mend], fromFile), 'unset A\n# in my own.env\nB=')
})

test('commands of ours read the same file', () => {
  assert.equal(pasteable([ingester('migrate up')], fromShell), 'bin/ingester migrate up')
  assert.equal(pasteable([ingester('doctor')], fromFile), "bin/ingester doctor --env-file 'my own.env'")
})

test('SQL says for whom it is, in a comment', () => {
  assert.equal(
    pasteable([sql('a superuser', 'SELECT 1;')], fromShell),
    '-- in psql, as a superuser\nSELECT 1;',
  )
})

test('a secret is asked for, and gets where it is looked for', async () => {
  const asked = pasteable([secret('A_SECRET')], fromShell)
  const { stdout } = await pasteShell(`${asked}; printenv A_SECRET`, {}, "it's a secret\n")
  assert.equal(stdout, "A_SECRET: it's a secret\n")

  const file = `${process.env['TMPDIR'] ?? '/tmp'}/doctor's secret ${process.pid}`
  const inFile = pasteable([secret('A_SECRET')], { ...fromShell, environment: { A_SECRET_FILE: file } })
  const then = await pasteShell(`${inFile}; cat ${shellWord(file)}; rm ${shellWord(file)}`, {}, 'x y\n')
  assert.equal(then.stdout, 'A_SECRET: x y')
})
