// A user's own module: what is wrong with it is said once, with its place, before anything is connected.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { projectDir, runToEnd, startProgram } from '../support/program.ts'

const folder = await mkdtemp(join(tmpdir(), 'modules-'))
afterAll(() => rm(folder, { recursive: true }))

const env = {
  INGESTER_PROJECTID: 'test-project',
  PUBSUB_EMULATOR_HOST: '127.0.0.1:1',
  INGESTER_POSTGRES_USER: 'u',
  INGESTER_POSTGRES_PASSWORD: 'p',
  INGESTER_POSTGRES_DB: 'd',
  INGESTER_POSTGRES_PORT: '1',
  INGESTER_POSTGRES_SSL_MODE: 'disable',
  INGESTER_LOG_OUTPUT: 'console',
  INGESTER_STARTUP_TIMEOUT: '0s',
}

/** From another folder than the project's, as users do it. */
const run = (...pipelines: readonly string[]) =>
  runToEnd(
    startProgram(
      join(projectDir, 'bin/ingester'),
      ['run', ...pipelines.flatMap((one) => ['--pipeline', one])],
      { env, cwd: folder },
    ),
  )

const head = `import { definePipeline } from 'pubsub-postgres-ingester'\n`
const right = (changes = '') => `${head}
export default definePipeline({
  name: 'orders',
  topic: 'orders',
  subscription: 'orders-sub',
  decode: () => [],
  table: {
    name: 'orders',
    columns: [
      { name: 'id', type: 'bigint', of: (row) => row.id },
      { name: 'status', type: 'text', of: (row) => row.status },
      { name: 'revision', type: 'integer', of: (row) => row.revision },
    ],
    key: ['id'],
    version: ['revision', 'status'],
  },
  ${changes}
})
`

interface Faulty {
  readonly name: string
  readonly file: string
  readonly text?: string
  /** Of a file that it imports. */
  readonly helper?: { readonly file: string; readonly text: string }
  readonly says: RegExp
}

const faulty: readonly Faulty[] = [
  { name: 'no such file', file: './none.ts', says: /^ingester: \.\/none\.ts: there is no such file in / },
  { name: 'a folder', file: './folder.ts', says: /^ingester: \.\/folder\.ts is not a file/ },
  {
    name: 'a mapping file that lacks its members',
    file: './orders.yaml',
    text: 'name: orders\n',
    says: /^ingester: \.\/orders\.yaml:1:1: subscription: is missing.*^\.\/orders\.yaml:1:1: version: is missing/ms,
  },
  {
    name: 'no default export',
    file: './without.ts',
    text: 'export const orders = 1\n',
    says: /^ingester: \.\/without\.ts: it has no default export; write: export default definePipeline\(/,
  },
  {
    name: 'another default export',
    file: './other.ts',
    text: "// a comment\nexport default { name: 'orders' }\n",
    says: /^ingester: \.\/other\.ts:2: its default export is not a pipeline; write: export default/,
  },
  {
    name: 'a syntax error in TypeScript',
    file: './syntax.ts',
    text: 'export default {\n  a: 1\n  b: 2\n}\n',
    says: /^ingester: \.\/syntax\.ts:3: Expected ',', got 'ident'$/m,
  },
  {
    name: 'a syntax error in JavaScript',
    file: './syntax.js',
    text: 'export default {\n  a: 1\n  b: 2\n}\n',
    says: /^ingester: \.\/syntax\.js:3: Unexpected identifier 'b'$/m,
  },
  {
    name: 'what TypeScript would make code of',
    file: './enum.ts',
    text: 'export const a = 1\nenum Status { paid }\nexport default Status\n',
    says: /^ingester: \.\/enum\.ts:2: TypeScript enum is not supported .*; Node\.js only removes types/,
  },
  {
    name: 'an import that is not there',
    file: './import.ts',
    text: "import { price } from './prices'\nexport default price\n",
    says: /^ingester: \.\/import\.ts: Cannot find module '.*prices' imported from .*; check the name, or install it/,
  },
  {
    name: 'an error while it is loaded',
    file: './throws.ts',
    text: 'const rates: number[] = []\n\nexport default rates[0].toFixed()\n',
    says: /^ingester: \.\/throws\.ts:3: Cannot read properties of undefined/,
  },
  {
    name: 'something odd that is thrown while it is loaded',
    file: './odd.js',
    text: 'throw Object.create(null)\n',
    says: /^ingester: \.\/odd\.js: something that has no text was thrown$/m,
  },
  {
    name: 'the end of the process',
    file: './exits.ts',
    text: 'const code: number = 0\nprocess.exit(code)\n',
    says: /^ingester: \.\/exits\.ts:2: it calls process\.exit, which would end the ingester: leave it out$/m,
  },
  {
    name: 'the end of the process, imported',
    file: './exits.mjs',
    text: "import { exit } from 'node:process'\nexit(0)\n",
    says: /^ingester: \.\/exits\.mjs:2: it calls process\.exit/,
  },
  {
    name: 'a rejection that nobody handles',
    file: './rejects.ts',
    text: `${right()}\nvoid Promise.reject(new Error('no rates'))\n`,
    says: /^ingester: \.\/rejects\.ts:\d+: no rates$/m,
  },
  {
    name: 'a fault, and a timer that would keep the process',
    file: './timer.ts',
    text: "setInterval(() => {}, 1000)\nthrow new Error('no rates')\n",
    says: /^ingester: \.\/timer\.ts:2: no rates$/m,
  },
  {
    name: 'an error in a file that it imports',
    file: './rates.ts',
    text: "import { rate } from './helper.ts'\nexport default rate\n",
    helper: {
      file: 'helper.ts',
      text: 'const rates: number[] = []\n\nexport const rate = rates[0].toFixed()\n',
    },
    says: /^ingester: \.\/rates\.ts: helper\.ts:3: Cannot read properties of undefined/,
  },
  {
    name: 'a syntax error in JavaScript that it imports',
    file: './imports.ts',
    text: "import { rate } from './helper.js'\nexport default rate\n",
    helper: { file: 'helper.js', text: 'export const rate = {\n  a: 1\n  b: 2\n}\n' },
    says: /^ingester: \.\/imports\.ts: helper\.js:3: Unexpected identifier 'b'$/m,
  },
  {
    name: 'a folder of migrations that is not there',
    file: './migrations.ts',
    text: right("migrations: new URL('./nowhere/', import.meta.url),"),
    says: /^ingester: \.\/migrations\.ts:3: definePipeline: migrations must be the URL of a folder that is there/,
  },
  {
    name: 'a missing member',
    file: './missing.js',
    text: right().replace("  topic: 'orders',\n", ''),
    says: /^ingester: \.\/missing\.js:3: definePipeline: topic is missing: an id of 3 to 255 letters/,
  },
  {
    name: 'several faults at once',
    file: './several.ts',
    text: right("tabel: {}, rejections: ['Bad Id'],").replace(
      "name: 'orders',\n  topic",
      "name: 'My Orders',\n  topic",
    ),
    says: /^ingester: \.\/several\.ts:3: definePipeline:\s+name must be at most 50 lower-case letters.*"My Orders"\s+rejections\[0\] must be a word.*"Bad Id"\s+has the unknown member "tabel"$/ms,
  },
  {
    name: 'a key that is no column',
    file: './key.ts',
    text: right().replace("key: ['id']", "key: ['idd']"),
    says: /^ingester: \.\/key\.ts:3: definePipeline: table\.key names the column "idd", which is not among id, status, revision$/m,
  },
  {
    name: 'the name of a built-in pipeline',
    file: './scans.ts',
    text: right().replace("name: 'orders',\n  topic", "name: 'scans',\n  topic"),
    says: /^ingester: \.\/scans\.ts: the name scans is taken by a built-in pipeline; give it another$/m,
  },
]

// One after the other: many programs that start at once would starve what is timed beside them.
describe('a faulty module gets one clear error, with its place, and exit code 2', () => {
  test.each(faulty)('$name', async ({ file, text, helper, says }) => {
    if (file === './folder.ts') await mkdir(join(folder, file))
    if (text !== undefined) await writeFile(join(folder, file), text)
    if (helper) await writeFile(join(folder, helper.file), helper.text)
    const { code, stdout, stderr } = await run(file)
    expect([code, stdout], stderr).toEqual([2, ''])
    expect(stderr).toMatch(says)
    expect(stderr, 'no trace').not.toMatch(/^\s+at /m)
    expect(stderr).not.toMatch(/Warning/)
  })
})

test('a module that leaves a timer keeps no command from its end', async () => {
  await writeFile(join(folder, 'ticks.ts'), `${right()}\nsetInterval(() => {}, 1000)\n`)
  const { code, stderr } = await run('./ticks.ts')
  expect(code, stderr).toBe(3)
})

test('two pipelines of one name, on one subscription, or of one table from which messages delete, are refused', async () => {
  const [first, name, subscription] = ['first.ts', 'name.ts', 'subscription.ts'].map((one) => `./${one}`)
  await writeFile(join(folder, 'first.ts'), right())
  await writeFile(join(folder, 'name.ts'), right().replace('orders-sub', 'other-sub'))
  await writeFile(
    join(folder, 'subscription.ts'),
    right().replace("name: 'orders',\n  topic", "name: 'others',\n  topic"),
  )
  const ofName = await run(first ?? '', name ?? '')
  expect(ofName.code).toBe(2)
  expect(ofName.stderr).toContain(
    'ingester: ./first.ts and ./name.ts have the same name, orders: each pipeline needs its own',
  )
  const ofSubscription = await run(first ?? '', subscription ?? '')
  expect(ofSubscription.code).toBe(2)
  expect(ofSubscription.stderr).toContain(
    'ingester: ./first.ts and ./subscription.ts have the same subscription, orders-sub: each pipeline needs its own',
  )
  const full = 'projects/test-project/subscriptions/orders-sub'
  const spelled = (name: string, subscription: string) =>
    writeFile(
      join(folder, name),
      right()
        .replace("name: 'orders',\n  topic", "name: 'others',\n  topic")
        .replace('orders-sub', subscription),
    )
  await spelled('spelled.ts', full)
  const ofBothSpellings = await run(first ?? '', './spelled.ts')
  expect(ofBothSpellings.code).toBe(2)
  expect(ofBothSpellings.stderr).toContain(
    `ingester: ./first.ts and ./spelled.ts have the same subscription, ${full}: each pipeline needs its own`,
  )
  await spelled('elsewhere.ts', 'projects/other-project/subscriptions/orders-sub')
  const ofTwoProjects = await run(first ?? '', './elsewhere.ts')
  // It is another one; what is missing then is PostgreSQL.
  expect(ofTwoProjects.code, ofTwoProjects.stderr).toBe(3)
  await writeFile(
    join(folder, 'deleting.ts'),
    right()
      .replace("name: 'orders',\n  topic", "name: 'others',\n  topic")
      .replace('orders-sub', 'other-sub')
      .replace("version: ['revision', 'status'],", "version: ['revision'], delete: { when: () => true },"),
  )
  const ofTable = await run(first ?? '', './deleting.ts')
  expect(ofTable.stderr).toContain(
    'ingester: ./first.ts and ./deleting.ts have the same table, orders, from which messages delete: only one pipeline may write to it',
  )
})

test('a module is TypeScript whatever the package.json beside it says, and imports its neighbours', async () => {
  const place = join(folder, 'commonjs')
  await mkdir(place)
  await writeFile(join(place, 'package.json'), '{"type": "commonjs"}')
  await writeFile(join(place, 'names.ts'), "export const topic: string = 'orders'\n")
  await writeFile(
    join(place, 'orders.ts'),
    `import { topic } from './names.ts'\n${right().replace("topic: 'orders'", 'topic')}`,
  )
  const { code, stderr } = await run('./commonjs/orders.ts')
  // It is loaded; what is missing then is PostgreSQL.
  expect(code, stderr).toBe(3)
  expect(stderr).toMatch(/PostgreSQL at localhost:1\/d is not reachable|was not reachable/)
  expect(stderr).not.toMatch(/Warning/)
})
