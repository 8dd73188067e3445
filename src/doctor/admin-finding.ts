import { createServer } from 'node:net'
import type { Config } from '#config/config.ts'
import { addressOf } from '#core/address.ts'
import type { Finding } from '#core/finding.ts'
import { failed, ok, warning } from '#core/finding.ts'
import { setting } from '#core/fix.ts'

/** If a running ingester has it, that is not a fault; if a gateway has it, no ingester can start. */
export async function adminFinding({ host, port }: Config['http']): Promise<Finding> {
  const name = 'admin port'
  if (port === 0) return ok(name, `any free one on ${host}`)
  const refusal = await refusalToListen(host, port)
  if (refusal === undefined) return ok(name, `${addressOf(host, port)} is free`)
  if (refusal.code !== 'EADDRINUSE') {
    const values = { 'http.host': '127.0.0.1', 'http.port': 0 }
    return failed(name, `${addressOf(host, port)}: ${refusal.message}`, setting(values))
  }
  const running = await programAt(host, port)
  if (running?.kind === 'ingester')
    return ok(name, `${addressOf(host, port)}: an ingester is running there${running.version}`)
  const detail = running
    ? `${addressOf(host, port)}: a gateway is running there${running.version}; an ingester beside it needs another port`
    : `${addressOf(host, port)} is taken, and not by an ingester`
  return warning(name, detail, setting({ 'http.port': await nextFree(host, port) }))
}

/** Long enough for one that is busy. */
const answerLimitMs = 2000

interface RunningProgram {
  readonly kind: 'ingester' | 'gateway'
  /** As in a sentence. */
  readonly version: string
}

/** The program of ours that answers there, by its metrics. */
async function programAt(host: string, port: number): Promise<RunningProgram | undefined> {
  // Who listens everywhere listens here, too.
  const here = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  try {
    const signal = AbortSignal.timeout(answerLimitMs)
    const response = await fetch(`http://${addressOf(here, port)}/metrics`, { redirect: 'error', signal })
    const metrics = await response.text()
    const [, labels] = /^ingester_build_info\{(.*)\} 1$/m.exec(metrics) ?? []
    if (labels === undefined) return undefined
    const [, version] = /\bversion="([^"]*)"/.exec(labels) ?? []
    return {
      kind: metrics.includes('\ningester_gateway_requests_in_flight ') ? 'gateway' : 'ingester',
      version: version === undefined ? '' : `, version ${version}`,
    }
  } catch {
    return undefined
  }
}

async function nextFree(host: string, taken: number): Promise<number> {
  for (let port = taken + 1; port <= Math.min(taken + 20, 65_535); port++) {
    if (!(await refusalToListen(host, port))) return port
  }
  return 0
}

async function refusalToListen(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  const outcome = Promise.withResolvers<NodeJS.ErrnoException | undefined>()
  const server = createServer()
  server.once('error', (error) => outcome.resolve(error))
  server.listen(port, host, () => server.close(() => outcome.resolve(undefined)))
  return outcome.promise
}
