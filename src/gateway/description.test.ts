import assert from 'node:assert/strict'
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, test } from 'vitest'
import { letterDoor, startTestGateway, wordDoor } from '../../test/support/gateway.ts'
import { docsPage } from './docs-page.ts'
import { openApiDocument } from './openapi.ts'

interface Described {
  readonly paths: Record<
    string,
    Record<string, { responses: object; parameters: object[]; security?: object }>
  >
}

async function described(url: string): Promise<Described> {
  const response = await fetch(`${url}/openapi.json`)
  assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
  return (await response.json()) as Described
}

describe('the description', () => {
  for (const isFull of [true, false])
    test(`is valid ${isFull ? 'with' : 'without'} tokens and a rate limit, and names each response`, async () => {
      await using started = await startTestGateway(
        isFull ? { tokens: () => 'a', rateLimit: { requests: 9, perMs: 1000 } } : {},
      )
      const document = await described(started.url)
      const { valid, errors } = await new Validator().validate(structuredClone(document) as object as never)
      assert.ok(valid, JSON.stringify(errors))
      const { post } = document.paths['/words'] ?? assert.fail()
      const optional = isFull ? ['401', '429'] : []
      const expected = ['200', '400', '405', '413', '415', '500', '503', ...optional].sort()
      assert.deepEqual(Object.keys(post?.responses ?? {}).sort(), expected)
      assert.deepEqual(post?.security, isFull ? [{ token: [] }] : undefined)
      const { put } = document.paths['/letters/{id}'] ?? assert.fail()
      assert.deepEqual(Object.entries(put?.responses ?? {})[0], ['202', { description: 'Taken' }])
      assert.equal(put?.parameters.length, 3)
      assert.deepEqual(Object.keys(document.paths).slice(2), [
        '/healthz',
        '/readyz',
        '/openapi.json',
        '/docs',
      ])
    })

  test('is served as a page that runs and loads nothing', async () => {
    await using started = await startTestGateway()
    const response = await fetch(`${started.url}/docs`)
    const page = await response.text()
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.match(
      response.headers.get('content-security-policy') ?? '',
      /^default-src 'none'; style-src 'sha256-/,
    )
    assert.doesNotMatch(page, /<script|<link|<img|src=|https?:/)
    for (const text of ['POST /words', 'Publish a word', 'PUT /letters/{id}', 'Idempotency-Key', '413'])
      assert.ok(page.includes(text), text)
  })

  test('cannot put markup into the page', () => {
    const summary = '<script>alert("1")</script>'
    const door = { ...wordDoor, operation: { ...letterDoor.operation, summary } }
    const page = docsPage(
      openApiDocument({ doors: [door], version: '1', hasTokens: true, hasRateLimit: true }),
    )
    assert.ok(page.includes('&lt;script&gt;alert(&quot;1&quot;)'))
    assert.doesNotMatch(page, /<script/)
  })
})
