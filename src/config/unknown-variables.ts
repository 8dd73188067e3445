import { similarName } from '#core/similar.ts'
import type { Environment } from './environment.ts'
import type { Place, UnknownVariable } from './fault.ts'
import { secretFiles } from './secrets.ts'
import { spec } from './spec.ts'

const known: readonly string[] = [...Object.keys(spec), ...secretFiles, 'NODE_EXTRA_CA_CERTS']

/**
 * Not faults: Kubernetes, for one, injects names such as INGESTER_SERVICE_HOST. An env file was written for the ingester,
 * so there names that are merely similar to ours are reported, too.
 */
export function unknownVariables(
  environment: Environment,
  places: Readonly<Record<string, Place>>,
): UnknownVariable[] {
  return Object.keys(environment)
    .filter((name) => !known.includes(name))
    .flatMap((variable) => {
      const place = places[variable]
      const isOurs = /^ingester[_.-]/i.test(variable)
      const meant = isOurs || place !== undefined ? similarName(variable, known) : undefined
      return isOurs || meant !== undefined ? [{ kind: 'unknown' as const, variable, meant, place }] : []
    })
}
