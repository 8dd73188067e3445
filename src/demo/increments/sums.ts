import type { Config } from '#config/config.ts'
import { builtInPipeline } from '#connect/pipelines.ts'
import { countRows, readGreatest, readTable } from '#postgres/read-table.ts'

/**
 * By key, exact.
 *
 * @throws the driver's error
 */
export async function readSums({ postgres }: Config): Promise<Map<string, bigint>> {
  const rows = await readTable(postgres, builtInPipeline('increments').sink)
  return new Map(rows.map(([key, value]) => [String(key), BigInt(value ?? 0)]))
}

/**
 * Keys and their sums, the largest first.
 *
 * @throws the driver's error
 */
export async function readLargestSums({ postgres }: Config, limit: number): Promise<[string, string][]> {
  const rows = await readGreatest(postgres, builtInPipeline('increments').sink, ['value'], limit)
  return rows.map(([key, value]) => [String(key), String(value)])
}

/** @throws the driver's error */
export function countDeadLetters({ postgres }: Config): Promise<number> {
  return countRows(postgres, 'dead_letters')
}
