import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes, syncBuiltinESMExports } from 'node:module'
import { resolve, sep } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ConfigurationError } from '#core/command-error.ts'
import type { Advice } from '#core/advice.ts'
import { advice } from '#core/advice.ts'
import { messageOf } from '#core/error-message.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { shownPath } from '#core/shown-path.ts'
import { isPipeline } from './make-pipeline.ts'
import { DefinitionError } from './definition-schema.ts'

const packageName = 'pubsub-postgres-ingester'
/** What a module gets by that name is this very program, wherever the module is, and whatever is installed there. */
const entry = new URL(import.meta.url.endsWith('.ts') ? 'public.ts' : 'public.js', import.meta.url).href
/** Of the program's own sources, or what they were compiled to. */
const ownFolders = ['../', '../../cmd/'].map((path) => new URL(path, import.meta.url).href)

/**
 * The pipeline that a file of the user's exports by default: TypeScript without compiling, or JavaScript.
 *
 * @param path relative to the working directory
 * @throws ConfigurationError that says where the fault is, and what it is
 */
export async function loadModule(path: string): Promise<Pipeline> {
  const file = resolve(path)
  checkFile(path, file)
  prepareImports()
  let exported: { readonly default?: unknown }
  try {
    exported = await undisturbed(() => inTime(import(pathToFileURL(file).href) as Promise<typeof exported>))
  } catch (error) {
    throw await faultOf(error, path, file)
  }
  if (isPipeline(exported.default)) return exported.default
  const what = 'default' in exported ? 'its default export is not a pipeline' : 'it has no default export'
  throw fault(`${path}${lineOfExport(file)}: ${what}`, advice`write: export default definePipeline({ … })`)
}

/** How long a module may take to load: one that waits for something at its top level would hold the start up for ever. */
const loadWithinMs = 10_000

async function inTime<T>(loading: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(
      new Error(`it was not loaded within ${loadWithinMs / 1000} s: it waits for something at its top level`),
    )
  }, loadWithinMs)
  return Promise.race([loading, promise]).finally(() => clearTimeout(timer))
}

/**
 * Runs `load` while the module can neither end the process, which would do it without a word or with a mere trace, nor say
 * that Node.js considers its TypeScript experimental.
 *
 * @throws whatever `load` throws, and what the module throws meanwhile where nobody waits for it
 */
async function undisturbed<T>(load: () => T | Promise<T>): Promise<T> {
  const stray = Promise.withResolvers<never>()
  stray.promise.catch(() => {})
  process.on('uncaughtException', stray.reject).on('unhandledRejection', stray.reject)
  const exit = process.exit.bind(process)
  const emitWarning = process.emitWarning.bind(process)
  process.exit = () => {
    throw new Error('it calls process.exit, which would end the ingester: leave it out')
  }
  process.emitWarning = (...warning: unknown[]) => {
    const [, type] = warning
    if (type !== 'ExperimentalWarning') Reflect.apply(emitWarning, process, warning)
  }
  syncBuiltinESMExports()
  try {
    const loaded = await Promise.race([load(), stray.promise])
    // Rejections that nobody handles are told of at the end of the turn.
    await Promise.race([setImmediate(), stray.promise])
    return loaded
  } finally {
    process.off('uncaughtException', stray.reject).off('unhandledRejection', stray.reject)
    Object.assign(process, { exit, emitWarning })
    syncBuiltinESMExports()
  }
}

function checkFile(path: string, file: string): void {
  const found = existsSync(file) && statSync(file)
  if (!found) throw fault(`${path}: there is no such file in ${process.cwd()}`, advice`check the path`)
  if (!found.isFile()) throw fault(`${path} is not a file`, advice`name the module's own file`)
  if (!/\.[cm]?[jt]s$/i.test(path))
    throw fault(`${path}: a module's name ends with .ts or .js`, advice`rename it`)
  if (file.includes(`${sep}node_modules${sep}`) && /\.[cm]?ts$/.test(file))
    throw fault(
      `${path}: Node.js runs no TypeScript inside of node_modules`,
      advice`compile it to JavaScript`,
    )
}

let isPrepared = false
/** The files of the module and of what it imports, as far as they are the user's own. */
const ownFiles = new Set<string>()

/**
 * A module finds this package by its name although nothing is installed beside it; and TypeScript is an ES module,
 * although npm writes `"type": "commonjs"` into a new package.json, or nothing.
 */
function prepareImports(): void {
  if (isPrepared) return
  isPrepared = true
  registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier === packageName) return { url: entry, shortCircuit: true }
      const found = next(specifier, context)
      if (!isUsersOwn(found.url)) return found
      ownFiles.add(fileURLToPath(found.url))
      return found.url.endsWith('.ts') ? { ...found, format: 'module-typescript' } : found
    },
  })
}

const isUsersOwn = (url: string) =>
  url.startsWith('file:') &&
  !url.includes('/node_modules/') &&
  !ownFolders.some((folder) => url.startsWith(folder))

async function faultOf(error: unknown, path: string, file: string): Promise<ConfigurationError> {
  const at = placeIn(error) ?? (await placeOfSyntaxError(error))
  const line = at === undefined ? '' : `:${at.line}`
  // What is wrong may be in a file that the module imports.
  const where =
    at === undefined || at.file === realpathSync(file)
      ? `${path}${line}`
      : `${path}: ${shownPath(at.file)}${line}`
  if (error instanceof DefinitionError) {
    const [first, ...more] = error.faults
    const what = more.length === 0 ? first : `\n  ${error.faults.join('\n  ')}`
    return fault(`${where}: definePipeline: ${what}`, undefined, error)
  }
  return fault(`${where}: ${firstLine(messageOf(error))}`, hintFor(error), error)
}

function hintFor(error: unknown): Advice | undefined {
  const { code } = (error ?? {}) as { readonly code?: string }
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
    return advice`Node.js only removes types: leave out what TypeScript would make code of (enum, namespace, parameter properties)`
  if (code === 'ERR_MODULE_NOT_FOUND')
    return advice`check the name, or install it in the module's folder; relative imports need the file's ending`
  return undefined
}

interface Place {
  readonly file: string
  readonly line: string
}

/** The first of the user's own files in an error's trace. */
function placeIn(error: unknown): Place | undefined {
  const { stack = '' } = error instanceof Error ? error : {}
  const spelled = [...ownFiles].flatMap((file) => [
    { file, text: file },
    { file, text: pathToFileURL(file).href },
  ])
  const found = spelled.flatMap(({ file, text }) => {
    const match = new RegExp(`(?<![^\\s(])${RegExp.escape(text)}:(\\d+)`).exec(stack)
    return match ? [{ file, line: match[1] ?? '', at: match.index }] : []
  })
  return found.toSorted((one, other) => one.at - other.at)[0]
}

/** V8 does not say where JavaScript is wrong that is imported; the parser of TypeScript does. */
async function placeOfSyntaxError(error: unknown): Promise<Place | undefined> {
  if (!(error instanceof SyntaxError)) return undefined
  for (const file of ownFiles) {
    try {
      await undisturbed(() => stripTypeScriptTypes(readFileSync(file, 'utf8'), { sourceUrl: file }))
    } catch (again) {
      return placeIn(again)
    }
  }
  return undefined
}

function lineOfExport(file: string): string {
  const lines = readFileSync(file, 'utf8').split('\n')
  const at = lines.findIndex((line) => /^\s*export\s+default\b/.test(line))
  return at < 0 ? '' : `:${at + 1}`
}

const firstLine = (text: string) => text.split('\n', 1)[0] ?? ''

function fault(message: string, fix?: Advice, cause?: unknown): ConfigurationError {
  return new ConfigurationError(message, { fixes: fix ? [fix] : [], cause })
}
