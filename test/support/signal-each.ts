/**
 * Sends a signal to each of some processes, such as those of a server. One that has ended is passed over: a
 * backend exits when its postmaster was killed before it, an autovacuum worker at any moment.
 *
 * @throws the error of the system where it is anything else, such as a process of another user
 */
export const signalEach = (pids: readonly number[], signal: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
