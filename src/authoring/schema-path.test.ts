import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'vitest'
import { projectDir } from '#runtime/project.ts'
import { schemaPath } from './schema-path.ts'

test('editors find the schema from the folder of the file', () => {
  const found = schemaPath(resolve(projectDir, 'examples/orders/orders.pipeline.yaml'))
  assert.equal(found, '../../docs/pipeline.schema.json')
  assert.ok(existsSync(resolve(projectDir, 'examples/orders', found)))
  const installed = '/home/ada/shop/node_modules/pubsub-postgres-ingester/docs/pipeline.schema.json'
  const beside = schemaPath('/home/ada/shop/orders.pipeline.yaml', installed)
  assert.equal(beside, './node_modules/pubsub-postgres-ingester/docs/pipeline.schema.json')
})

test('none is named that may be gone tomorrow', () => {
  const cached = '/home/ada/.npm/_npx/5f/node_modules/pubsub-postgres-ingester/docs/pipeline.schema.json'
  assert.equal(schemaPath('/home/ada/shop/orders.pipeline.yaml', cached), undefined)
})
