import { expect } from 'vitest'
import type { Program } from './program.ts'

declare module 'vitest' {
  interface Matchers<T> {
    /** Of a program under test: it ends with this exit code or by this signal; else all that it said is shown. */
    toEndWith: (outcome: number | NodeJS.Signals) => Promise<T>
  }
}

expect.extend({
  async toEndWith(program: Program, wanted: number | NodeJS.Signals) {
    const outcome = await program.ended
    return {
      pass: outcome === wanted,
      message: () =>
        `${program.command}\nended with ${outcome}, not with ${wanted}\n` +
        `stdout:\n${program.stdout()}\nstderr:\n${program.stderr()}`,
    }
  },
})
