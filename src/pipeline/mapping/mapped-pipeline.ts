import { isDeepStrictEqual } from 'node:util'
import type { CatalogTable } from '#core/catalog.ts'
import type { Pipeline, PostgresTable, TableMode, UnboundPipeline } from '#core/pipeline.ts'
import { keyTextOf } from '../key-text.ts'
import { makePipeline } from '../make-pipeline.ts'
import { planColumns } from './column-plan.ts'
import { keyFinder } from './find-keys.ts'
import { mappingDecoder, mappingReasons } from './decode-mapping.ts'
import type { Mapping } from './mapping.ts'
import { MappingError, faultAt } from './mapping-error.ts'
import { isOfOneMessage } from './metadata.ts'
import type { PlannedColumn } from './planned-column.ts'
import type { MappedRow } from './mapped-row.ts'
import { valueAt } from './mapped-row.ts'
import type { ParsedMapping } from './read-mapping.ts'
import { readMapping } from './read-mapping.ts'
import type { MemberFault } from './mapping-error.ts'
import { takesMicros } from './value-reader.ts'

/**
 * The pipeline of a mapping file.
 *
 * @throws MappingError with all that the file shows to be wrong; `bind` throws one with all that its table contradicts
 */
export function mappedPipeline(path: string): UnboundPipeline {
  return unboundPipeline(readMapping(path))
}

export function unboundPipeline(file: ParsedMapping): UnboundPipeline {
  const { name, topic, subscription, table, mode, key, version, delete: deletes } = file.mapping
  return {
    name,
    source: { kind: 'pubsub', topicId: topic, subscriptionId: subscription },
    table: { name: table, ...namedMode(mode), key, version, deletes: deletes !== undefined },
    bind: (catalog) => bound(file, catalog),
  }
}

function bound(file: ParsedMapping, catalog: CatalogTable | undefined): Pipeline {
  if (!catalog) throw errorOf(file, [absentTable(file.mapping)])
  return withRebind(file, planned(file, catalog), new Set(catalog.columns.map(({ name }) => name)))
}

/** @param known the columns that the table had at first: one that is added later may be written from the next start on */
function withRebind(
  file: ParsedMapping,
  columns: readonly PlannedColumn[],
  known: ReadonlySet<string>,
): Pipeline {
  return {
    ...pipelineOf(file, columns),
    rebind: (catalog) => {
      const left = catalog.columns.filter(({ name }) => known.has(name))
      if (columns.some(({ name }) => left.every((one) => one.name !== name))) return undefined
      const others = planned(file, { ...catalog, columns: left })
      return isDeepStrictEqual(others, columns) ? undefined : withRebind(file, others, known)
    },
  }
}

/** @throws MappingError */
function planned(file: ParsedMapping, catalog: CatalogTable): readonly PlannedColumn[] {
  const { columns, faults } = planColumns(file.mapping, catalog)
  if (faults.length > 0) throw errorOf(file, faults)
  return columns
}

function absentTable({ table }: Mapping): MemberFault {
  const fix = 'check its name and schema, that it is in this database, and that this role may use the schema'
  return { path: ['table'], what: `there is no table ${table}`, fix }
}

function errorOf({ fileName, placeOf }: ParsedMapping, faults: readonly MemberFault[]): MappingError {
  return new MappingError(
    fileName,
    faults.map((fault) => faultAt(placeOf(fault.path), fault)),
  )
}

/** @param columns without any fault */
function pipelineOf({ mapping, fileName }: ParsedMapping, columns: readonly PlannedColumn[]): Pipeline {
  const { name, topic, subscription, where } = mapping
  const table = tableOf(mapping, columns)
  const pipeline = makePipeline<MappedRow, string>({
    name,
    topic,
    subscription,
    table: { ...table, origin: { module: fileName, isMapping: true } },
    decode: mappingDecoder(mapping, columns),
    rejections: mappingReasons,
    ignoreRules: where.map((rule) => rule.name),
  })
  const keysFromMessage = keyFinder(mapping, columns, keyTextOf(table))
  return { ...pipeline, inspector: { ...pipeline.inspector, keysFromMessage } }
}

/** A request that is repeated has another value for it. */
function isOfDelivery({ source }: PlannedColumn): boolean {
  return source.kind === 'paths' && source.paths.some(({ path }) => isOfOneMessage(path))
}

/** The usual one has no name. */
const namedMode = (mode: TableMode) => (mode === 'newest' ? {} : { mode })

function tableOf(mapping: Mapping, columns: readonly PlannedColumn[]): PostgresTable<MappedRow> {
  const { table, mode, key, version, delete: deletes } = mapping
  return {
    name: table,
    ...namedMode(mode),
    columns: columns.map((column, at) => ({
      name: column.name,
      type: column.typeName,
      ...(takesMicros(column) ? { from: 'unix-micros' as const } : {}),
      ...(isOfDelivery(column) ? { ofDelivery: true } : {}),
      of: valueAt(at),
    })),
    key,
    version,
    ...(deletes
      ? {
          deletes: {
            when: ({ isGone }: MappedRow) => isGone,
            ...(deletes.column === undefined ? {} : { column: deletes.column }),
          },
        }
      : {}),
  }
}
