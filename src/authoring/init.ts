import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { Config } from '#config/config.ts'
import { isMappingPath } from '#config/names.ts'
import { databasePlace, withConnectionErrors } from '#connect/postgres.ts'
import { advice, option } from '#core/advice.ts'
import type { CatalogTable } from '#core/catalog.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import { shownPath } from '#core/shown-path.ts'
import type { TableMode } from '#core/pipeline.ts'
import { tableName } from '#core/table-name.ts'
import { tableIdentifier } from '#postgres/identifier.ts'
import { readCatalog, tablesLike } from '#postgres/read-catalog.ts'
import type { Queryable } from '#postgres/queryable.ts'
import { withReader } from '#postgres/read-row.ts'
import { absenceText, hiddenFault } from './absent-table.ts'
import type { Choice, JudgedKey } from './choose-key.ts'
import { chooseKey } from './choose-key.ts'
import { likelyVersion, noVersion, versionCandidates, wantedVersion } from './choose-version.ts'
import { judgedKeys } from './judge-keys.ts'
import type { Named } from './render-mapping.ts'
import { renderMapping } from './render-mapping.ts'
import { defaultFile, guessedSubscription, guessedTopic, pipelineName, resourceFault } from './names.ts'
import type { InitialColumn } from './initial-columns.ts'
import { initialColumns, shortType, summableColumns } from './initial-columns.ts'
import { schemaPath } from './schema-path.ts'

export interface InitOptions {
  readonly table: string
  readonly subscription?: string | undefined
  readonly topic?: string | undefined
  /** Absent: `newest`. */
  readonly mode?: TableMode | undefined
  readonly key?: readonly string[] | undefined
  readonly version?: readonly string[] | undefined
  /** `-`: nothing is written. */
  readonly out?: string | undefined
  /** A file that exists is overwritten. */
  readonly force?: boolean | undefined
}

/** A person who can be asked. Undefined: they have cancelled. */
export interface Asker {
  readonly subscription: (guess: string) => Promise<string | undefined>
  readonly topic: (guess: string) => Promise<string | undefined>
  readonly version: (
    candidates: readonly { readonly name: string; readonly type: string }[],
  ) => Promise<string | undefined>
}

/** A mapping file, and why it is as it is. */
export interface InitialMapping {
  /** Null: it was not written. */
  readonly file: string | null
  /** What it should be called. */
  readonly suggestedFile: string
  readonly text: string
  readonly mode: TableMode
  /** Empty where the mode has none. */
  readonly key: readonly string[]
  readonly version: readonly string[]
  readonly reasons: { readonly key: string | null; readonly version: string | null }
  readonly columns: readonly InitialColumn[]
}

/**
 * Writes a mapping file for a table as it is in the database.
 *
 * @returns undefined where the person who was asked has cancelled; then nothing is written
 * @throws ConfigurationError where it cannot know enough, or the file exists; UnreachableError where PostgreSQL is away
 */
export async function initMapping(
  config: Pick<Config, 'postgres'>,
  options: InitOptions,
  asker?: Asker,
): Promise<InitialMapping | undefined> {
  const { table, out, mode = 'newest', force = false } = options
  checkOptions(options)
  const suggestedFile = defaultFile(table)
  const file = out === '-' ? null : (out ?? suggestedFile)
  if (file !== null && !force) refuseExisting(file)
  const { catalog, keys } = await readTable(config.postgres, table)
  const key = mode === 'append' ? undefined : chooseKey(table, catalog, keys, options.key)
  if (mode === 'sum') checkSummable(table, catalog, key?.columns ?? [])
  const version =
    mode === 'newest' ? await chooseVersion(catalog, key?.columns ?? [], options, asker) : undefined
  if (mode === 'newest' && !version) return undefined
  const name = pipelineName(table)
  const subscription = await named(options.subscription, guessedSubscription(name), asker?.subscription)
  const topic = subscription && (await named(options.topic, guessedTopic(name), asker?.topic))
  if (!topic) return undefined
  const chosen = { key: key?.columns ?? [], version: version?.columns ?? [] }
  const columns = initialColumns(catalog, { mode, ...chosen })
  const schema = schemaPath(file ?? suggestedFile)
  const text = renderMapping({ schema, name, table, subscription, topic, mode, key, version, columns })
  if (file !== null) await write(file, text, force)
  return {
    file,
    suggestedFile,
    text,
    mode,
    ...chosen,
    reasons: { key: key?.reason ?? null, version: version?.reason ?? null },
    columns,
  }
}

function checkOptions({ table, subscription, topic, out, mode = 'newest', key, version }: InitOptions): void {
  if (mode === 'append' && key) throw foreign('key', mode)
  if (mode !== 'newest' && version) throw foreign('version', mode)
  if (!tableName(table))
    throw new ConfigurationError(
      `--table must be a name, with or without its schema, as in sales.orders, not "${table}"`,
      { fixes: [advice`a part that has a dot stands in double quotes`] },
    )
  if (out !== undefined && out !== '-' && !/\.ya?ml$/i.test(out)) throw otherEnding(out)
  for (const [kind, text] of Object.entries({ subscription, topic })) {
    const fault = text === undefined ? undefined : resourceFault(kind as 'topic' | 'subscription', text)
    if (fault !== undefined) throw new ConfigurationError(`--${kind} ${fault}`)
  }
}

function foreign(name: string, mode: TableMode): ConfigurationError {
  return new ConfigurationError(`--${name} means nothing with --mode ${mode}`, {
    fixes: [advice`leave one of them out`],
  })
}

/** @throws ConfigurationError where nothing can be added up */
function checkSummable(table: string, catalog: CatalogTable, key: readonly string[]): void {
  if (summableColumns(catalog, key).length > 0) return
  throw new ConfigurationError(
    `${table} has no column beside its key that can be added up: a smallint, integer, bigint or numeric`,
    {
      fixes: [
        advice`add one, for example: ALTER TABLE ${tableIdentifier(table)} ADD COLUMN total bigint NOT NULL DEFAULT 0;`,
      ],
    },
  )
}

/** The other commands know a mapping file by its name's ending. */
function otherEnding(out: string): ConfigurationError {
  const why = isMappingPath(out)
    ? 'what is written has comments, which JSON cannot have'
    : 'a mapping file is known by its ending'
  return new ConfigurationError(`--out ${shownPath(out)}: ${why}`, {
    fixes: [advice`name a file that ends in .yaml or .yml`],
  })
}

function refuseExisting(file: string): void {
  if (existsSync(file)) throw existing(file)
}

function existing(file: string): ConfigurationError {
  return new ConfigurationError(`${shownPath(file)} exists already`, {
    fixes: [advice`overwrite it with --force, or name another file with --out`],
  })
}

function readTable(
  postgres: Config['postgres'],
  table: string,
): Promise<{ readonly catalog: CatalogTable; readonly keys: readonly JudgedKey[] }> {
  return withConnectionErrors(postgres, () =>
    withReader(postgres, (read) =>
      read(async (connection) => {
        const catalog = await readCatalog(connection, table)
        if (!catalog) throw await absent(connection, table, databasePlace(postgres))
        const kind = otherKinds[catalog.kind]
        if (kind !== undefined)
          throw new ConfigurationError(`${table} is ${kind}, and rows are written to tables only`)
        return { catalog, keys: await judgedKeys(connection, table, catalog) }
      }),
    ),
  )
}

const otherKinds: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
}

async function absent(connection: Queryable, table: string, place: string): Promise<ConfigurationError> {
  const hidden = await hiddenFault(connection, table)
  if (hidden) return new ConfigurationError(hidden.what, { fixes: [advice`${hidden.fix}`] })
  const similar = await tablesLike(connection, table)
  const fix =
    similar.length > 0
      ? advice`did you mean ${similar.join(' or ')}?`
      : advice`create it first, or check --table and ${option('postgres.database')}`
  return new ConfigurationError(absenceText(table, place), { fixes: [fix] })
}

async function chooseVersion(
  catalog: CatalogTable,
  key: readonly string[],
  { table, version }: InitOptions,
  asker: Asker | undefined,
): Promise<Choice | undefined> {
  if (version) return wantedVersion(table, catalog, key, version)
  const candidates = versionCandidates(catalog, key)
  const likely = likelyVersion(candidates)
  if (likely) return likely
  if (!asker || candidates.length === 0) throw noVersion(table, catalog, key)
  const chosen = await asker.version(candidates.map((one) => ({ name: one.name, type: shortType(one) })))
  if (chosen === undefined) return undefined
  const others = candidates.map(({ name }) => name).filter((name) => name !== chosen)
  return { columns: [chosen], reason: 'as chosen', others }
}

async function named(
  given: string | undefined,
  guess: string,
  ask: ((guess: string) => Promise<string | undefined>) | undefined,
): Promise<Named | undefined> {
  if (given !== undefined) return { text: given, isGuess: false }
  if (!ask) return { text: guess, isGuess: true }
  const text = await ask(guess)
  return text === undefined ? undefined : { text, isGuess: false }
}

async function write(file: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw existing(file)
    throw new ConfigurationError(`${shownPath(file)} cannot be written: ${messageOf(error)}`, {
      fixes: [advice`name another file with --out, or print it with --out -`],
      cause: error,
    })
  }
}
