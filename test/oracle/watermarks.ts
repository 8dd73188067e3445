import type { RowVersion } from './facts.ts'
import { describeRow } from './facts.ts'
import { isKept } from './order.ts'

/** A watermark is a committed fact: none is above both its row and its deletion. All are about the table as it is now. */
export function watermarkBreaches(
  watermarks: readonly RowVersion[],
  rowOf: (key: string) => RowVersion | undefined,
  deletionOf: (key: string) => RowVersion | undefined = () => undefined,
): string[] {
  return watermarks.flatMap((watermark) => {
    const row = rowOf(watermark.key)
    if (isKept(watermark, { row, deletion: deletionOf(watermark.key) })) return []
    return [
      `the watermark ${describeRow(watermark)} is above its row, ${row ? describeRow(row) : 'which is not there'}`,
    ]
  })
}
