import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { TestReporter } from './tools/test-reporter.ts'

/** A file's suffix says what must be up for it (docs/ARCHITECTURE.md); without one it needs nothing. */
const needsServers = '**/*.{pg,redis,e2e}.test.ts'
const takesLong = '**/*.long.test.ts'

export default defineConfig({
  test: {
    // Node.js runs the sources as they are, here as everywhere: nothing is transformed, and nothing needs to be.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    setupFiles: [join(import.meta.dirname, 'test/support/leftovers.ts')],
    reporters: ['default', new TestReporter()],
    allowOnly: false,
    maxConcurrency: 8,
    coverage: {
      provider: 'v8',
      include: ['src/**', 'cmd/**'],
      exclude: ['**/*.test.ts'],
      reportsDirectory: 'coverage',
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{src,cmd,test,bench}/**/*.test.ts'],
          exclude: [needsServers, takesLong],
          pool: 'threads',
          isolate: false,
          maxWorkers: 2,
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: [`{src,cmd,test,bench}/${needsServers}`],
          pool: 'forks',
          // Two processors; much of the time a file waits.
          maxWorkers: 3,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: [`{src,cmd,test,bench}/${takesLong}`],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 4 * 3_600_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
})
