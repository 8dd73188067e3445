import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { describe, test } from 'vitest'
import { spec } from '#config/spec.ts'
import { advice, command, option } from '#core/advice.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { projectDir } from '../../test/support/program.ts'
import { adviceText, explain } from './explain.ts'
import { optionOf, variables } from './option-variables.ts'

describe('advice', () => {
  const twice = advice`raise ${option('limits.maxMessageBytes')} to ${7}, then ${command('doctor')} (or ${'more'})`

  test('names the variables of options, and whole command lines', () => {
    assert.equal(
      adviceText(twice),
      'raise INGESTER_MAX_MESSAGE_BYTES to 7, then bin/ingester doctor (or more)',
    )
  })

  test('its commands use the same env file', () => {
    assert.match(adviceText(twice, 'my own.env'), /then bin\/ingester doctor --env-file 'my own.env' \(or/)
  })

  test('comes after the problem', () => {
    const error = new ConfigurationError('no topic', {
      fixes: [advice`look`, advice`try ${option('log.level')}`],
    })
    assert.equal(explain(error), 'no topic; look; try INGESTER_LOG_LEVEL')
    assert.equal(error.message, 'no topic')
    const sentence = new ConfigurationError('No topic.', { fixes: [advice`look`] })
    assert.equal(explain(sentence), 'No topic; look')
    assert.equal(explain(new Error('gone')), 'gone')
  })
})

test('each variable sets one option', () => {
  assert.deepEqual(Object.values(variables).sort(), Object.keys(spec).sort())
  for (const variable of Object.keys(spec)) assert.equal(variables[optionOf(variable)], variable)
})

test('no module below the configuration names its variables', async () => {
  const modules = 'core,runtime,telemetry,pipeline,ingest,postgres,redis,pubsub,stack'
  const found = []
  for await (const file of glob(`src/{${modules}}/**/*.ts`, { cwd: projectDir })) {
    const isTest = file.endsWith('.test.ts')
    if (!isTest && /INGESTER_[A-Z]/.test(readFileSync(`${projectDir}/${file}`, 'utf8'))) found.push(file)
  }
  assert.deepEqual(found, [])
})
