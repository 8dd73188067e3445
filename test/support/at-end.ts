/** What is still to be closed when the tests of a file are over. */
let resources = new AsyncDisposableStack()

/**
 * Closes something when all tests of the file are over, whatever becomes of them, and before it is looked for leftovers
 * (leftovers.ts). Can be called anywhere: in a file, a suite, a hook or a test. What was opened last is closed first.
 */
export function atEnd(close: () => unknown): void {
  resources.defer(async () => void (await close()))
}

export async function closeAll(): Promise<void> {
  const closing = resources
  resources = new AsyncDisposableStack()
  await closing.disposeAsync()
}
