import type { Config } from '#config/config.ts'
import { isUnbound } from '#core/pipeline.ts'
import { MappingError } from '#pipeline/mapping/mapping-error.ts'
import { pathText } from '#pipeline/mapping/path.ts'
import { checkSubscription } from './check-subscription.ts'
import type { TableFindings } from './check-table.ts'
import { checkTable } from './check-table.ts'
import { conditionText } from './condition-text.ts'
import type { Definition } from './definition.ts'
import { readDefinition } from './definition.ts'
import type { DefinitionFault } from './definition-fault.ts'
import { placed } from './definition-fault.ts'
import type { DescribedColumn } from './described-columns.ts'
import { describedByModule, describedColumns } from './described-columns.ts'

export interface CheckReport {
  readonly file: string
  /** Null where the file does not say. */
  readonly pipeline: string | null
  /** There are no faults; there may be warnings. */
  readonly ok: boolean
  readonly faults: readonly DefinitionFault[]
  readonly warnings: readonly DefinitionFault[]
  readonly columns: readonly DescribedColumn[]
}

/** What a definition means, beside its columns, as pairs of a name and a text. */
export type Meaning = readonly (readonly [name: string, text: string])[]

export interface Checked {
  readonly report: CheckReport
  readonly meaning: Meaning
  /** The file's own faults, before anything else was looked at. */
  readonly isUnread: boolean
}

type CheckConfig = Pick<Config, 'postgres' | 'pubsub' | 'consumer' | 'redis'>

/**
 * Checks a definition against its table, the engine's tables and its subscription; changes nothing.
 *
 * @param configOf asked for once the file is understood
 * @throws ConfigurationError where there is no such file; whatever `configOf` throws; UnreachableError where PostgreSQL is away
 */
export async function checkDefinition(
  file: string,
  configOf: () => CheckConfig,
  envFile?: string,
): Promise<Checked> {
  let definition: Definition
  try {
    definition = await readDefinition(file)
  } catch (error) {
    if (!(error instanceof MappingError)) throw error
    const faults = error.faults.map(({ fix = null, ...fault }) => ({ ...fault, fix }))
    const report = { file, pipeline: null, ok: false, faults, warnings: [], columns: [] }
    return { report, meaning: [], isUnread: true }
  }
  const { postgres, redis, ...config } = configOf()
  const [ofTable, ofSubscription] = await Promise.all([
    checkTable(definition, { postgres, withCache: redis.enabled, envFile }),
    checkSubscription(config, definition, envFile),
  ])
  const faults = placed(definition, [...ofTable.faults, ...ofSubscription.faults])
  return {
    report: {
      file,
      pipeline: definition.pipeline.name,
      ok: faults.length === 0,
      faults,
      warnings: placed(definition, [...ofTable.warnings, ...ofSubscription.warnings]),
      columns: columnsOf(definition, ofTable),
    },
    meaning: meaningOf(definition),
    isUnread: false,
  }
}

function columnsOf({ pipeline, parsed }: Definition, { catalog, columns }: TableFindings): DescribedColumn[] {
  if (!catalog) return []
  if (parsed) return describedColumns(parsed.mapping, catalog, columns)
  return isUnbound(pipeline) ? [] : describedByModule(pipeline, catalog)
}

function meaningOf(definition: Definition): Meaning {
  const { pipeline, parsed } = definition
  const { name, mode = 'newest', key, version } = isUnbound(pipeline) ? pipeline.table : pipeline.sink
  const { split, where = [] } = parsed?.mapping ?? {}
  return [
    ['table', name],
    ...(mode === 'newest' ? [] : [['mode', modeTexts[mode]] as const]),
    ...(key.length === 0 ? [] : [['key', key.join(', ')] as const]),
    ...(version.length === 0 ? [] : [['version', version.join(', ')] as const]),
    ...(split ? [['split', `a record of each element of ${pathText(split)}`] as const] : []),
    ...where.map(({ name: rule, condition }) => {
      const label = rule === 'where' ? rule : `where ${rule}`
      return [label, conditionText(condition)] as const
    }),
    ...(mode === 'newest' ? [['delete', deletionText(definition)] as const] : []),
    ['subscription', pipeline.source.subscriptionId],
    ['topic', pipeline.source.topicId],
  ]
}

const modeTexts = {
  append: 'append: each record is a row, once however often it is delivered',
  sum: 'sum: each record is added up, once however often it is delivered',
} as const

function deletionText({ pipeline, parsed }: Definition): string {
  if (!parsed) {
    const deletes = isUnbound(pipeline) ? undefined : pipeline.sink.deletes
    if (!deletes) return 'never'
    return deletes.column === undefined
      ? 'as the module says'
      : `as the module says, marked by ${deletes.column}`
  }
  const { delete: deletes } = parsed.mapping
  if (!deletes) return 'never'
  const when = `when ${conditionText(deletes.when)}`
  return deletes.column === undefined ? when : `${when}: ${deletes.column} marks the row`
}
