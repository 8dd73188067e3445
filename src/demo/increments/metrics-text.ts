import type { Settlement } from '#core/delivery.ts'
import type { FleetCounts } from '../fleet-counts.ts'

export const noCounts: FleetCounts = {
  received: 0,
  written: 0,
  coalesced: 0,
  stale: 0,
  duplicate: 0,
  ignored: 0,
  deadLettered: 0,
  nacked: 0,
  outstanding: 0,
  offered: 0,
}

/** What an ingester has done, by its metrics. */
export function readCounts(text: string): FleetCounts {
  const sum = (name: string, label = '') =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  const settled = (reason: Settlement) => sum('ingester_messages_settled_total', `reason="${reason}"`)
  const outstanding = sum('ingester_messages_outstanding')
  return {
    // Not the metric, which may be ahead: messages arrive while the text is composed.
    received: sum('ingester_messages_settled_total') + outstanding,
    written: settled('written'),
    coalesced: settled('coalesced'),
    stale: settled('stale'),
    duplicate: settled('duplicate'),
    ignored: settled('ignored'),
    deadLettered: settled('dead-lettered'),
    nacked: settled('nacked'),
    outstanding,
    offered: sum('ingester_batch_records_sum'),
  }
}
