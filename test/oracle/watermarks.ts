import type { RowVersion } from './facts.ts'
import { describeRow } from './facts.ts'
import { isNewer } from './order.ts'

/** A watermark is a committed fact: none is above its row. All are about the table as it is now. */
export function watermarkBreaches(
  watermarks: readonly RowVersion[],
  rowOf: (key: string) => RowVersion | undefined,
): string[] {
  return watermarks.flatMap((watermark) => {
    const row = rowOf(watermark.key)
    if (row && !isNewer(watermark, row)) return []
    return [
      `the watermark ${describeRow(watermark)} is above its row, ${row ? describeRow(row) : 'which is not there'}`,
    ]
  })
}
