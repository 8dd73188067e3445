import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from 'vitest/node'

/** What is skipped without the official Pub/Sub emulator, which CI does not have. */
const excepted = /official[- ]emulator/i

/**
 * Closes a run with `N passed, N failed, N skipped`, alone on its line. With CI=true a skipped test fails the run: there,
 * nothing that a test needs may be missing, except the official Pub/Sub emulator.
 */
export class TestReporter implements Reporter {
  #isPart = false

  onInit({ config }: Vitest): void {
    // Vitest counts unselected tests as skipped.
    this.#isPart = config.testNamePattern !== undefined
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const tests = modules.flatMap(({ children }) => [...children.allTests()])
    const inState = (state: string) => tests.filter((test) => test.result().state === state)
    const skipped = inState('skipped')
    const isCi = process.env['CI'] === 'true'
    const unwanted = (this.#isPart ? [] : skipped).map(nameAndReason).filter((line) => !excepted.test(line))
    if (unwanted.length > 0) {
      const title = isCi ? 'Skipped under CI=true, which counts as failed:' : 'Skipped:'
      console.log([title, ...unwanted].join('\n  '))
      if (isCi) process.exitCode = 1
    }
    // A file that cannot be loaded has no test that fails, nor has a hook of a file or a suite.
    const suites = modules.flatMap((module) => [module, ...module.children.allSuites()])
    const errors = suites.flatMap((suite) => suite.errors()).length + unhandledErrors.length
    const failed = inState('failed').length + errors
    console.log(`${inState('passed').length} passed, ${failed} failed, ${skipped.length} skipped`)
  }
}

function nameAndReason(test: TestCase): string {
  const reason = test.meta().skipReason ?? resultNote(test)
  const name = `${test.module.relativeModuleId}: ${test.fullName}`
  return reason === undefined ? name : `${name} (${reason})`
}

/** What the test itself gave as its reason, when it was skipped in the middle. */
function resultNote(test: TestCase): string | undefined {
  const result = test.result()
  return result.state === 'skipped' ? result.note : undefined
}
