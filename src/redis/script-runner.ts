import type { RedisFailure } from './failure.ts'

/** A connection to Redis as the cache needs it: the protocol's script, and whether it can be run at all. */
export interface ScriptRunner {
  /** Why no call can be made now; undefined while connected. */
  readonly unavailableReason: RedisFailure | undefined
  /** Calls `heard` each time it connects, from now on. */
  onOpened(heard: () => void): void
  /** Resolves when it is connected or an attempt has failed, whichever comes first. */
  firstAttempt(): Promise<void>
  /**
   * One call of `protocol.lua`, in bounded time.
   *
   * @throws RedisFailure; the call may have been carried out all the same
   */
  run(keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>
  close(): void
}

/** The same for one of several caches: to close it is for those who have opened it. */
export function borrowed(runner: ScriptRunner): ScriptRunner {
  return {
    get unavailableReason() {
      return runner.unavailableReason
    },
    onOpened: (heard) => runner.onOpened(heard),
    firstAttempt: () => runner.firstAttempt(),
    run: (keys, args) => runner.run(keys, args),
    close: () => {},
  }
}
