import { readFileSync, statSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigurationError } from '#core/command-error.ts'
import type { Advice } from '#core/advice.ts'
import { advice } from '#core/advice.ts'
import { messageOf } from '#core/error-message.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { isPipeline } from './make-pipeline.ts'
import { DefinitionError } from './definition-schema.ts'

const packageName = 'pubsub-postgres-ingester'
/** What a module gets by that name is this very program, wherever the module is, and whatever is installed there. */
const entry = new URL(import.meta.url.endsWith('.ts') ? 'public.ts' : 'public.js', import.meta.url).href

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
    exported = await inTime(import(pathToFileURL(file).href) as Promise<typeof exported>)
  } catch (error) {
    throw faultOf(error, path, file)
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

function checkFile(path: string, file: string): void {
  if (/\.(?:ya?ml|json)$/i.test(path))
    throw fault(
      `${path}: mapping files are not known to this version`,
      advice`write a module: docs/PIPELINES.md`,
    )
  const found = statSync(file, { throwIfNoEntry: false })
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
      const isTypeScript = found.url.startsWith('file:') && found.url.endsWith('.ts')
      return isTypeScript && !found.url.includes('/node_modules/')
        ? { ...found, format: 'module-typescript' }
        : found
    },
  })
}

function faultOf(error: unknown, path: string, file: string): ConfigurationError {
  const at = placeIn(error, file) ?? placeOfSyntaxError(error, file)
  const where = `${path}${at === undefined ? '' : `:${at}`}`
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

/** The line of the file that an error's trace mentions first. */
function placeIn(error: unknown, file: string): string | undefined {
  const { stack = '' } = error instanceof Error ? error : {}
  const spelled = [file, pathToFileURL(file).href].map((one) => RegExp.escape(one)).join('|')
  return new RegExp(`(?:${spelled}):(\\d+)`).exec(stack)?.[1]
}

/** V8 does not say where JavaScript is wrong that is imported; the parser of TypeScript does. */
function placeOfSyntaxError(error: unknown, file: string): string | undefined {
  if (!(error instanceof SyntaxError)) return undefined
  try {
    stripTypeScriptTypes(readFileSync(file, 'utf8'), { sourceUrl: file })
    return undefined
  } catch (again) {
    return placeIn(again, file)
  }
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
