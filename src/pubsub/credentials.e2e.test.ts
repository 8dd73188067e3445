import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, test } from 'vitest'
import { ConfigurationError, UnreachableError } from '#core/command-error.ts'
import { explain } from '#connect/explain.ts'
import { connectPubsub } from './client.ts'

let answer: (request: IncomingMessage, response: ServerResponse) => void
const asked: string[] = []
/** Where the auth library looks for the metadata server of a virtual machine or a pod. */
const metadataServer = createServer((request, response) => {
  asked.push(request.url ?? '')
  answer(request, response)
})
let folder: string
beforeAll(async () => {
  metadataServer.listen(0, '127.0.0.1')
  await once(metadataServer, 'listening')
  folder = await mkdtemp(join(tmpdir(), 'credentials-'))
  process.env['GCE_METADATA_HOST'] = `127.0.0.1:${(metadataServer.address() as AddressInfo).port}`
  process.env['HOME'] = folder
})
afterAll(async () => {
  metadataServer.closeAllConnections()
  metadataServer.close()
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  delete process.env['GOOGLE_APPLICATION_CREDENTIALS']
  asked.length = 0
})

const connect = () => connectPubsub({ projectId: 'p', emulatorHost: undefined })

const fails = (code: number) => (_: IncomingMessage, response: ServerResponse) =>
  response.writeHead(code).end()

function works(request: IncomingMessage, response: ServerResponse): void {
  const token = { access_token: 'token', expires_in: 3600, token_type: 'Bearer' }
  const headers = { 'metadata-flavor': 'Google', 'content-type': 'application/json' }
  if (/universe/.test(request.url ?? '')) response.writeHead(404, headers).end()
  else response.writeHead(200, headers).end(JSON.stringify(token))
}

test('a metadata server that comes up late is asked again, and its token is used', async () => {
  for (const code of [404, 500]) {
    answer = fails(code)
    await assert.rejects(connect(), (error) => {
      assert.ok(error instanceof UnreachableError, String(error))
      assert.match(error.message, /no credentials for Google Cloud: .*the metadata server gives none/)
      return true
    })
  }
  answer = works
  const clients = await connect()
  assert.ok(asked.some((path) => /service-accounts\/default\/token/.test(path)))
  await clients.close()
})

test('after a failure the setting of the library is restored, also one of the user', async () => {
  const name = 'METADATA_SERVER_DETECTION'
  answer = fails(404)
  try {
    for (const value of [undefined, 'bios-only']) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
      await assert.rejects(connect(), UnreachableError)
      assert.equal(process.env[name], value)
    }
  } finally {
    delete process.env[name]
  }
})

test('an invalid key file fails at once, without waiting for a metadata server', async () => {
  answer = works
  const key = { type: 'service_account', client_email: 'a@b.c', private_key: 'no key' }
  for (const content of [undefined, 'no json', '{}', JSON.stringify(key)]) {
    const file = join(folder, 'key.json')
    await rm(file, { force: true })
    if (content !== undefined) await writeFile(file, content)
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = file
    await assert.rejects(connect(), (error) => {
      assert.ok(error instanceof ConfigurationError, `${content}: ${String(error)}`)
      assert.match(explain(error), /no credentials for Google Cloud: .*; set GOOGLE_APPLICATION_CREDENTIALS/s)
      return true
    })
  }
})
