import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { CoverageReporter } from './tools/coverage-reporter.ts'
import { TestReporter } from './tools/test-reporter.ts'
import { TestSequencer } from './tools/test-sequencer.ts'

// A file's suffix says what must be up for it (CONTRIBUTING.md, "Tests"); without one it needs nothing.
const needsServers = '**/*.{pg,redis,e2e}.test.ts'
const takesLong = '**/*.long.test.ts'

const sharedWorkers = { pool: 'threads', isolate: false, maxWorkers: 2, testTimeout: 30_000 } as const
/** For two processors: a test file spends more of its time waiting than computing. */
const ownProcess = { pool: 'forks', maxWorkers: 4, hookTimeout: 180_000 } as const

export default defineConfig({
  test: {
    // Node.js runs the sources themselves here, too: nothing is transformed.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    globalSetup: join(import.meta.dirname, 'test/support/temporary-folder.ts'),
    setupFiles: ['leftovers.ts', 'matchers.ts'].map((file) =>
      join(import.meta.dirname, 'test/support', file),
    ),
    reporters: ['default', new CoverageReporter(), new TestReporter()],
    allowOnly: false,
    sequence: { sequencer: TestSequencer },
    maxConcurrency: 8,
    coverage: {
      provider: 'v8',
      include: ['{src,cmd}/**/*.ts'],
      exclude: ['**/*.test.ts', '**/dist/**'],
      reporter: ['html'],
      reportOnFailure: true,
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{src,cmd,bench}/**/*.test.ts'],
          exclude: [needsServers, takesLong],
          ...sharedWorkers,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'suites',
          include: ['test/**/*.test.ts'],
          exclude: [needsServers, takesLong],
          ...sharedWorkers,
          testTimeout: 120_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: [`{src,cmd,test,bench}/${needsServers}`],
          ...ownProcess,
          testTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: [`{src,cmd,test,bench}/${takesLong}`],
          ...ownProcess,
          testTimeout: 4 * 3_600_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
