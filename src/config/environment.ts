import type { EnvFileFault } from './env-file.ts'
import { parseEnvFile } from './env-file.ts'
import type { Fault, Place } from './fault.ts'
import { hasInvisible, quoted } from './shown.ts'
import { readTextFile } from './text-file.ts'

/** Names and values as they came. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The environment, and what was found on the way to it. */
export interface Sources {
  /** The process's own over that of the env file. */
  readonly environment: Environment
  /** Where a variable stands whose value is that of the file: for messages. */
  readonly places: Readonly<Record<string, Place>>
  /** Lines of the file that say nothing, and what is wrong with the command line. */
  readonly faults: readonly Fault[]
  /** The pipelines are those of the command line. */
  readonly hasPipelineOption?: boolean
}

/**
 * The process's environment. Empty values count as absent: compose files pass them for variables that are not set.
 */
export function processEnvironment(): Environment {
  return present(Object.entries(process.env))
}

/**
 * The process's environment over that of an env file.
 *
 * @throws ConfigFault where the file cannot be read
 */
export function readSources(envFile: string | undefined): Sources {
  const own = processEnvironment()
  if (envFile === undefined) return { environment: own, places: {}, faults: [] }
  const { values, lines, faults } = parseEnvFile(readTextFile(envFile, { path: envFile }))
  const file = hasInvisible(envFile) ? quoted(envFile) : envFile
  const fromFile = present(values)
  const placed = Object.keys(fromFile).filter((name) => own[name] === undefined)
  return {
    environment: { ...fromFile, ...own },
    places: Object.fromEntries(placed.map((name) => [name, { file, line: lines.get(name) ?? 1 }])),
    faults: faults.map(({ line, ...what }: EnvFileFault) => ({
      kind: 'syntax',
      place: { file, line },
      ...what,
    })),
  }
}

/** Those that are set: an empty value counts as none. */
export function present(
  entries: Iterable<readonly [string, string | undefined]>,
): Readonly<Record<string, string>> {
  return Object.fromEntries([...entries].filter((one): one is [string, string] => Boolean(one[1])))
}
