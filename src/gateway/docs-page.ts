import { hash } from 'node:crypto'
import type { Json, OpenApiDocument } from './openapi.ts'

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0 auto; padding: 1rem; max-width: 52rem }
h2 { border-top: 1px solid #8888; padding-top: 1rem; font-size: 1.25rem }
h2 code { font-weight: 600 }
h3 { font-size: 1rem; margin-bottom: 0.25rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #8884; padding: 0.25rem 0.75rem 0.25rem 0; text-align: left; vertical-align: top }
pre { overflow-x: auto; padding: 0.75rem; background: #8882 }
p { white-space: pre-line }
`

/** Nothing may run or be loaded: the page is its own text and this style. */
export const docsPageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/** Renders a description for people, as one page without scripts. */
export function docsPage(document: OpenApiDocument): string {
  const { title, version, description } = document.info
  const resolve = (value: unknown) => resolved(document, value)
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationPart(path, method, operation, resolve)),
  )
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${text(title)}</title><style>${style}</style></head>
<body>
<h1>${text(title)} ${text(version)}</h1>
<p>${prose(description)}</p>
<p>For programs: <a href="/openapi.json">/openapi.json</a></p>
${operations.join('\n')}
</body>
</html>
`
}

type Resolve = (value: unknown) => Json

function operationPart(path: string, method: string, operation: Json, resolve: Resolve): string {
  const parameters = list(operation['parameters']).map(resolve)
  const responses = Object.entries(resolve(operation['responses']))
  return [
    `<h2><code>${text(method.toUpperCase())} ${text(path)}</code></h2>`,
    ...[operation['summary'], operation['description']].filter(Boolean).map((one) => `<p>${prose(one)}</p>`),
    parameters.length > 0
      ? table(
          'Parameters',
          parameters.map((one) => [`${code(one['name'])} (${text(one['in'])})`, prose(one['description'])]),
        )
      : '',
    bodyPart(operation, resolve),
    table(
      'Responses',
      responses.map(([status, response]) => [code(status), prose(resolve(response)['description'])]),
    ),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

function bodyPart(operation: Json, resolve: Resolve): string {
  const content = Object.entries(resolve(resolve(operation['requestBody'])['content']))
  return content
    .map(([type, media]) => {
      const { schema, example, examples } = resolve(media)
      const samples = [
        ...(example === undefined ? [] : [example]),
        ...Object.values(resolve(examples)).map((one) => resolve(one)['value']),
      ]
      return [
        `<h3>Body: ${code(type)}</h3>`,
        schema === undefined ? '' : block(resolve(schema)),
        ...samples.map((sample) => `<h3>Example</h3>${block(sample)}`),
      ].join('\n')
    })
    .join('\n')
}

function table(title: string, rows: readonly (readonly string[])[]): string {
  const lines = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`)
  return `<h3>${title}</h3>\n<table>${lines.join('')}</table>`
}

const block = (value: unknown) => `<pre>${text(JSON.stringify(value, undefined, 2))}</pre>`
const code = (value: unknown) => `<code>${text(value)}</code>`

/** Text with code in backquotes. */
const prose = (value: unknown) => text(value).replace(/`([^`]*)`/g, '<code>$1</code>')

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function text(value: unknown): string {
  const plain = typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  return plain.replace(/[&<>"']/g, (character) => entities[character] ?? '')
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** An object, or what a reference to one stands for; empty where there is none. */
function resolved(document: OpenApiDocument, value: unknown): Json {
  if (typeof value !== 'object' || value === null) return {}
  const { $ref: reference } = value as { readonly $ref?: unknown }
  if (typeof reference !== 'string') return value as Json
  let found: unknown = document
  for (const name of reference.split('/').slice(1)) found = (found as Json | undefined)?.[name]
  return resolved(document, found)
}
