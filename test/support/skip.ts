import type { TestOptions } from 'vitest'

declare module 'vitest' {
  interface TaskMeta {
    /** Why a test is skipped: tools/test-reporter.ts prints it. */
    skipReason?: string
  }
}

/** @param reason false: the test is not skipped */
export const skippedFor = (reason: string | false): Pick<TestOptions, 'skip' | 'meta'> =>
  reason === false ? {} : { skip: true, meta: { skipReason: reason } }
