import type { Config } from '#config/config.ts'
import { databasePlace, withConnectionErrors } from '#connect/postgres.ts'
import { countsOnce, isUnbound, typeOf } from '#core/pipeline.ts'
import { adviceText } from '#connect/explain.ts'
import type { CatalogTable } from '#core/catalog.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import { isSummable } from '#core/column-type.ts'
import { planColumns } from '#pipeline/mapping/column-plan.ts'
import type { PlannedColumn } from '#pipeline/mapping/planned-column.ts'
import type { MemberFault } from '#pipeline/mapping/mapping-error.ts'
import { triggersFinding } from '#postgres/doctor/table-findings.ts'
import { encodingWarning } from '#postgres/encoding.ts'
import { identifier, tableIdentifier } from '#postgres/identifier.ts'
import type { NeededTable } from '#postgres/needed-tables.ts'
import { neededTables } from '#postgres/needed-tables.ts'
import type { Queryable } from '#postgres/queryable.ts'
import { readCatalog } from '#postgres/read-catalog.ts'
import { withReader } from '#postgres/read-row.ts'
import { keepDaysFault, tableFaults } from '#postgres/start-check.ts'
import type { Unfitness } from '#postgres/table-fitness.ts'
import { unfitnessOf } from '#postgres/table-fitness.ts'
import type { TableShape } from '#postgres/table-shape.ts'
import { readShape } from '#postgres/table-shape.ts'
import { absenceFault, hiddenFault } from './absent-table.ts'
import { checkEpoch } from './check-epoch.ts'
import type { Findings } from './check-subscription.ts'
import type { Definition } from './definition.ts'
import { fixLine } from './fix-line.ts'
import { missingFix } from './missing-fix.ts'

/** What the database says about a definition. */
export interface TableFindings extends Findings {
  /** Undefined where there is no such table. */
  readonly catalog?: CatalogTable
  /** Of a mapping, those that are written. */
  readonly columns: readonly PlannedColumn[]
}

export interface TableCheckOptions {
  readonly postgres: Config['postgres']
  /** Whether the cache's epoch will be read. */
  readonly withCache: boolean
  readonly envFile?: string | undefined
}

/**
 * Everything that would keep the definition's rows from being stored in its table, and the engine's own tables; it only reads.
 *
 * @throws UnreachableError; ConfigurationError where the server refuses the connection
 */
export function checkTable(definition: Definition, options: TableCheckOptions): Promise<TableFindings> {
  const { postgres, withCache } = options
  return withConnectionErrors(postgres, () =>
    withReader(postgres, async (read) => {
      const found = await read((connection) => lookAt(connection, definition, options))
      if (!withCache || countsOnce(found.sink) || !found.catalog) return found
      const epoch = await checkEpoch(read, found)
      return {
        ...found,
        faults: [...found.faults, ...epoch.faults],
        warnings: [...found.warnings, ...epoch.warnings],
      }
    }),
  )
}

interface Looked extends TableFindings {
  readonly sink: PostgresTable
  readonly pipeline: string
}

async function lookAt(
  connection: Queryable,
  definition: Definition,
  { postgres, withCache, envFile }: TableCheckOptions,
): Promise<Looked> {
  const { pipeline, parsed } = definition
  const { name } = isUnbound(pipeline) ? pipeline.table : pipeline.sink
  const catalog = await readCatalog(connection, name)
  const plan = parsed && catalog ? planColumns(parsed.mapping, catalog) : { columns: [], faults: [] }
  const sink = isUnbound(pipeline) ? sketchOf(pipeline.table, plan.columns) : pipeline.sink
  const [needed, ...others] = neededTables(sink, withCache)
  const ofSink = catalog
    ? await sinkFindings(connection, { definition, needed, catalog, planFaults: plan.faults, envFile })
    : {
        faults: [
          await absenceFault(connection, needed, {
            pipeline: pipeline.name,
            place: databasePlace(postgres),
            envFile,
          }),
        ],
        warnings: [],
      }
  const ofOthers: MemberFault[] = []
  for (const one of others) ofOthers.push(...(await ownTableFaults(connection, one, envFile)))
  if (countsOnce(sink)) ofOthers.push(...(await functionFaults(connection, envFile)))
  return {
    pipeline: pipeline.name,
    sink,
    ...(catalog ? { catalog } : {}),
    columns: plan.columns,
    faults: distinct([...plan.faults, ...ofSink.faults, ...ofOthers]),
    warnings: ofSink.warnings,
  }
}

/** What statements need to know of a table whose mapping may have faults yet. */
function sketchOf(
  {
    name,
    mode,
    key,
    version,
    deletes,
  }: { readonly deletes: boolean } & Pick<PostgresTable, 'name' | 'mode' | 'key' | 'version'>,
  planned: readonly PlannedColumn[],
): PostgresTable {
  const columns = planned.map((column) => ({ name: column.name, type: column.typeName, of: () => null }))
  const isPlanned = (one: string) => columns.some((column) => column.name === one)
  const mark = planned.find(({ isMark }) => isMark)
  return {
    name,
    ...(mode === undefined ? {} : { mode }),
    columns,
    key: key.filter(isPlanned),
    version: version.filter(isPlanned),
    ...(deletes ? { deletes: { when: () => false, ...(mark ? { column: mark.name } : {}) } } : {}),
  }
}

interface SinkCircumstances {
  readonly definition: Definition
  readonly needed: NeededTable
  readonly catalog: CatalogTable
  readonly planFaults: readonly MemberFault[]
  readonly envFile: string | undefined
}

async function sinkFindings(connection: Queryable, given: SinkCircumstances): Promise<Findings> {
  const { definition, needed, catalog, envFile } = given
  const shape = await readShape(connection, needed)
  const faults: MemberFault[] = []
  for (const fault of await tableFaults(connection, needed)) {
    if (fault.kind === 'rights') {
      faults.push(rightsFault(fault, ['table']))
      continue
    }
    const fix = await missingFix(connection, needed, fault, { pipeline: definition.pipeline.name, envFile })
    faults.push(
      ...fault.missing.map((column) => ({
        path: ['columns', column],
        what: `the table has no column ${column}`,
        fix,
      })),
    )
  }
  if (!shape) return { faults, warnings: [] }
  const unfit = unfitnessOf(needed, shape).filter((one) => !isTold(one, shape, given.planFaults))
  return {
    faults: [...faults, ...unfit.map((one) => unfitFault(one, shape, given))],
    warnings: [
      ...versionWarnings(definition, catalog),
      ...unnamedWarnings(definition, catalog),
      ...unsummedWarnings(definition, catalog),
      ...triggerWarnings(needed, shape),
      ...encodingWarnings(shape),
    ],
  }
}

/** What is wrong with the file itself has consequences that are no faults of their own. */
function isTold(
  { about, column }: Unfitness,
  { mandatory }: TableShape,
  planFaults: readonly MemberFault[],
): boolean {
  const isAbout = (member: string) => planFaults.some(({ path }) => path[0] === member)
  if (about === 'key') return isAbout('key')
  if (column === undefined) return false
  if (mandatory.includes(column)) return isAbout('columns')
  return planFaults.some(({ path, what }) => path.includes(column) || what.startsWith(`${column} `))
}

function unfitFault(
  unfit: Unfitness,
  { mandatory }: TableShape,
  { needed, definition, catalog, envFile }: SinkCircumstances,
): MemberFault {
  const { about, column, what } = unfit
  const wider = about === 'key' && definition.parsed ? widerKey(needed.key, catalog) : undefined
  const fix = [...(wider === undefined ? [] : [wider]), unfitFix(unfit, envFile)].join('; or ')
  const isUnwritten = definition.parsed !== undefined && column !== undefined && mandatory.includes(column)
  return { path: pathOf(), what, fix: isUnwritten ? `give it a source, or ${fix}` : fix }

  function pathOf(): MemberFault['path'] {
    if (about === 'encoding') return []
    if (about === 'key') return ['key']
    if (column === undefined) return about === 'columns' ? ['columns'] : ['table']
    const at = needed.key.indexOf(column)
    return at >= 0 && definition.parsed ? ['key', at] : ['columns', column]
  }
}

/** A part of the table's key was named: most likely the whole of it is meant. */
function widerKey(named: readonly string[], { columns, keys }: CatalogTable): string | undefined {
  const isWritten = (name: string) => columns.find((one) => one.name === name)?.generated === 'never'
  const found = keys.find(
    (key) => new Set(named).isSubsetOf(new Set(key.columns)) && key.columns.every(isWritten),
  )
  if (!found || found.columns.length === named.length) return undefined
  return `key: [${found.columns.join(', ')}], ${found.isPrimary ? 'the primary key' : 'which is unique'}`
}

function unfitFix({ fix, advice }: Unfitness, envFile: string | undefined): string {
  const statements = fix.map((one) => `${one};`).join(' ')
  return [
    ...(statements === '' ? [] : [`as its owner: ${statements}`]),
    ...(advice ? [adviceText(advice, envFile)] : []),
  ].join('; or ')
}

function rightsFault(
  { what, missing, grant }: { readonly what: string; readonly missing: readonly string[]; grant: string },
  path: MemberFault['path'],
): MemberFault {
  return { path, what: `${what}: ${missing.join(', ')}`, fix: `as its owner: ${grant};` }
}

/** Of a table of the engine's own. */
async function ownTableFaults(
  connection: Queryable,
  needed: NeededTable,
  envFile: string | undefined,
): Promise<MemberFault[]> {
  const path: MemberFault['path'] = []
  const faults: MemberFault[] = []
  for (const fault of await tableFaults(connection, needed)) {
    if (fault.kind === 'rights') {
      faults.push(rightsFault(fault, path))
      continue
    }
    const hidden = fault.kind === 'absent' ? await hiddenFault(connection, needed.name) : undefined
    if (hidden) faults.push({ path, ...hidden })
    else {
      const fix = await missingFix(connection, needed, fault, { envFile })
      faults.push({ path, what: `${fault.what}, which the engine needs`, fix })
    }
  }
  const shape = await readShape(connection, needed)
  const unfit = shape ? unfitnessOf(needed, shape) : []
  return [
    ...faults,
    ...unfit.map((one) => ({
      path,
      what: one.about === 'encoding' ? one.what : `table ${needed.name}: ${one.what}`,
      fix: unfitFix(one, envFile),
    })),
  ]
}

async function functionFaults(connection: Queryable, envFile: string | undefined): Promise<MemberFault[]> {
  const fault = await keepDaysFault(connection)
  return fault
    ? [{ path: [], what: `${fault.what}, which the engine needs`, fix: adviceText(fault.fix, envFile) }]
    : []
}

/** Rows may be there that have none. */
function versionWarnings({ pipeline }: Definition, { columns }: CatalogTable): MemberFault[] {
  const { name: table, version } = isUnbound(pipeline) ? pipeline.table : pipeline.sink
  return version.flatMap((name, at) => {
    if (columns.find((one) => one.name === name)?.isNullable !== true) return []
    const alter = `ALTER TABLE ${tableIdentifier(table)} ALTER COLUMN ${identifier(name)} SET NOT NULL;`
    const what = `${name} may be NULL in the table: a row that has NULL there counts as older than every message`
    return [{ path: version.length > 1 ? ['version', at] : ['version'], what, fix: `as its owner: ${alter}` }]
  })
}

/** A column that was added to the table, perhaps: then messages do not have it. */
function unnamedWarnings({ pipeline, parsed }: Definition, { columns }: CatalogTable): MemberFault[] {
  if (!parsed || !isUnbound(pipeline)) return []
  const { mode, takesOthers, columns: named, key, version, delete: deletes } = parsed.mapping
  const instead = mode === 'sum' ? 'default: 0' : 'optional: true'
  const known = new Set([...named.keys(), ...key, ...version, deletes?.column])
  return columns
    .filter(({ name }) => takesOthers && !known.has(name))
    .filter(({ isNullable, hasDefault, generated }) => isNullable && !hasDefault && generated === 'never')
    .map(({ name }) => ({
      path: ['columns'],
      what: `${name} is not named, and may be NULL: a message without this field is rejected all the same`,
      fix: `name it with ${instead}, or leave it alone with skip: true`,
    }))
}

/** `DEFAULT 0` is usual for a sum, and what has a default is left alone. */
function unsummedWarnings({ parsed }: Definition, { columns }: CatalogTable): MemberFault[] {
  if (parsed?.mapping.mode !== 'sum' || !parsed.mapping.takesOthers) return []
  const { columns: named, key } = parsed.mapping
  return columns
    .filter(
      ({ name, hasDefault, generated }) =>
        hasDefault && generated === 'never' && !named.has(name) && !key.includes(name),
    )
    .filter((column) => isSummable(typeOf(column)))
    .map(({ name }) => ({
      path: ['columns'],
      what: `${name} has a default, so it is left alone and not added up`,
      fix: 'name it to add it up, or say skip: true',
    }))
}

function triggerWarnings(needed: NeededTable, shape: TableShape): MemberFault[] {
  if (shape.rules.some(({ discards }) => !discards)) return []
  const { status, detail, fixes } = triggersFinding(needed, shape)
  const fix = fixLine(fixes)
  return status === 'warning'
    ? [{ path: ['table'], what: `triggers or rules: ${detail}`, ...(fix === undefined ? {} : { fix }) }]
    : []
}

function encodingWarnings({ encoding }: TableShape): MemberFault[] {
  const what = encodingWarning(encoding)
  return what === undefined ? [] : [{ path: [], what }]
}

/** That of the database is said of each table. */
function distinct(faults: readonly MemberFault[]): MemberFault[] {
  return [...new Map(faults.map((one) => [JSON.stringify([one.path, one.what]), one])).values()]
}
