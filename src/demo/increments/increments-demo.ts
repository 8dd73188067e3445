import { fileURLToPath } from 'node:url'
import { builtInPipeline } from '#connect/pipelines.ts'
import type { DemoSystem } from '../system.ts'
import type { IncrementsDemoOptions } from './increment-traffic.ts'
import { IncrementTraffic } from './increment-traffic.ts'

/** Increments over HTTP, through several gateways, with all that a network and an operator do to them. */
export function incrementsDemo(options: IncrementsDemoOptions): DemoSystem {
  return {
    pipeline: builtInPipeline('increments'),
    redis: false,
    replicas: options.replicas - 1,
    defaults: {
      // The shortest that Pub/Sub has: what a killed ingester held comes back after it.
      INGESTER_ACK_DEADLINE: '10s',
      // All requests come from one address.
      INGESTER_RATE_LIMIT: 'off',
      INGESTER_GATEWAY_ACCESS_LOG: 'false',
    },
    claim: 'confirmed requests count once, unknown ones at most once, refused ones never',
    shown: ['written', 'duplicate', 'deadLettered'],
    start: (setup) => IncrementTraffic.start(setup, options, caddyfile),
  }
}

const caddyfile = fileURLToPath(new URL('../../systems/increments/Caddyfile', import.meta.url))
