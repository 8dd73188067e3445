import type { Config } from '#config/config.ts'
import type { CatalogTable } from '#core/catalog.ts'
import type { LoadedPipeline, Pipeline, UnboundPipeline } from '#core/pipeline.ts'
import type { Queryable } from '#postgres/queryable.ts'
import { withConnection } from '#postgres/pool.ts'
import { readCatalog } from '#postgres/read-catalog.ts'
import { isUnbound } from '#core/pipeline.ts'
import { withConnectionErrors } from './postgres.ts'

/**
 * The pipeline, for the table that is there.
 *
 * @throws ConfigurationError with all that the table contradicts; whatever the connection throws
 */
export async function bindTo(connection: Queryable, pipeline: LoadedPipeline): Promise<Pipeline> {
  if (!isUnbound(pipeline)) return pipeline
  return pipeline.bind(await readCatalog(connection, pipeline.table.name))
}

/**
 * The same over a connection of its own, where one is needed.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function bindOver(postgres: Config['postgres'], pipeline: LoadedPipeline): Promise<Pipeline> {
  if (!isUnbound(pipeline)) return pipeline
  return withConnectionErrors(postgres, () =>
    withConnection(postgres, (connection) => bindTo(connection, pipeline)),
  )
}

/** What a doctor has to know of a pipeline. */
export type PipelineSketch = Pick<Pipeline, 'name' | 'source' | 'sink'>

/**
 * The pipeline as far as it is known: where its table cannot be read, or contradicts its file, only the columns of key and version.
 * An error of the connection is not told of.
 */
export async function sketchOver(
  postgres: Config['postgres'],
  pipeline: LoadedPipeline,
): Promise<{ readonly pipeline: PipelineSketch; readonly contradiction?: unknown }> {
  if (!isUnbound(pipeline)) return { pipeline }
  let catalog: CatalogTable | undefined
  try {
    catalog = await withConnection(postgres, (connection) => readCatalog(connection, pipeline.table.name))
  } catch {
    return { pipeline: sketchOf(pipeline) }
  }
  try {
    return { pipeline: pipeline.bind(catalog) }
  } catch (contradiction) {
    return { pipeline: sketchOf(pipeline, catalog), contradiction }
  }
}

function modeOf({ mode }: UnboundPipeline['table']): Pick<UnboundPipeline['table'], 'mode'> {
  return mode === undefined ? {} : { mode }
}

function sketchOf({ name, source, table }: UnboundPipeline, catalog?: CatalogTable): PipelineSketch {
  const columns = [...table.key, ...table.version].flatMap((column) => {
    const found = catalog?.columns.find((one) => one.name === column)
    return catalog && !found ? [] : [{ name: column, type: found?.type ?? 'text', of: () => null }]
  })
  const known = (names: readonly string[]) =>
    names.filter((one) => columns.some((column) => column.name === one))
  const sink = {
    name: table.name,
    ...modeOf(table),
    columns,
    key: known(table.key),
    version: known(table.version),
  }
  return { name, source, sink: { ...sink, ...(table.deletes ? { deletes: { when: () => false } } : {}) } }
}
