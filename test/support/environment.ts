/** What a program of the project needs of the tester's environment, so that nothing else of it leaks into a test. */
export function minimalEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR = '/tmp', XDG_RUNTIME_DIR = '' } = process.env
  return { PATH, HOME, TMPDIR, XDG_RUNTIME_DIR }
}
