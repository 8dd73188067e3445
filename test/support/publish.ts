import { ScanGenerator } from '#demo/scans/scan-generator.ts'
import type { Mixture } from '#demo/scans/scan-generator.ts'
import { Oracle } from '#demo/scans/oracle.ts'
import type { Scan } from '#demo/scans/scan.ts'
import { encodeScan } from '#demo/scans/scan.ts'
import { publish } from '#pubsub/publisher.ts'
import type { TestSystem } from './system.ts'

/** Publishes generated messages as fast as the broker takes them; the oracle knows what must come of them. */
export async function publishMixture(
  system: TestSystem,
  count: number,
  seed: number,
  mixture: Mixture,
): Promise<{ oracle: Oracle; poison: number }> {
  const generator = new ScanGenerator(seed, mixture, () => Math.floor(Date.now() / 1000))
  const oracle = new Oracle()
  let poison = 0
  for (let done = 0; done < count; done += 1000) {
    const messages = Array.from({ length: Math.min(1000, count - done) }, () => generator.next())
    await publish(system.clients, system.topic, messages)
    for (const { scan } of messages) {
      if (scan) oracle.published(scan)
      else poison += 1
    }
  }
  return { oracle, poison }
}

/** Publishes scans one after the other, in this order. */
export async function publishScans(system: TestSystem, scans: readonly Scan[]): Promise<void> {
  for (const scan of scans) await publish(system.clients, system.topic, [{ data: encodeScan(scan, 2) }])
}
