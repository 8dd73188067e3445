import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { projectOf, validName, validProject } from './names.ts'

const topic = (id: string, project = 'p') => `projects/${project}/topics/${id}`

const refused = (name: string | null | undefined, message: string) => (call: () => unknown) =>
  assert.throws(call, { status: 'INVALID_ARGUMENT', message }, `refused: ${name}`)

describe('names', () => {
  test('an id has 3 to 255 characters, the first of which is a letter', () => {
    for (const id of ['abc', 'Zz9', 'a-_.~+%', `a${'b'.repeat(254)}`, 'good', 'xgoog']) {
      assert.equal(validName('topics', topic(id)), topic(id))
    }
    for (const id of ['', 'ab', `a${'b'.repeat(255)}`, '1ab', '-ab', 'a b', 'a/bc', 'abc\n', 'äbc', 'abc!']) {
      refused(id, `Invalid [topics] name: (name=${topic(id)})`)(() => validName('topics', topic(id)))
    }
  })

  test('and does not begin with goog, which is reserved', () => {
    for (const id of ['goog', 'google-topic']) {
      refused(id, `Invalid [topics] name: (name=${topic(id)})`)(() => validName('topics', topic(id)))
    }
  })

  test('a name is complete, and of the right kind', () => {
    const subscription = 'projects/p/subscriptions/abc'
    assert.equal(validName('subscriptions', subscription), subscription)
    for (const name of [
      subscription,
      'abc',
      'topics/abc',
      'projects//topics/abc',
      'projects/p/q/topics/abc',
      'x/projects/p/topics/abc',
      'projects/p/topics/abc/',
    ]) {
      refused(name, `Invalid [topics] name: (name=${name})`)(() => validName('topics', name))
    }
    refused(
      topic('abc'),
      'Invalid [subscriptions] name: (name=projects/p/topics/abc)',
    )(() => validName('subscriptions', topic('abc')))
    for (const nothing of ['', null, undefined]) {
      refused(nothing, 'Invalid [topics] name: (name=)')(() => validName('topics', nothing))
    }
  })

  test('so is that of a project', () => {
    assert.equal(validProject('projects/p-1'), 'projects/p-1')
    for (const name of ['p', 'projects/', 'projects/p/', 'projects/p/topics', '/projects/p']) {
      refused(name, `Invalid [projects] name: (name=${name})`)(() => validProject(name))
    }
    for (const nothing of ['', null, undefined]) {
      refused(nothing, 'Invalid [projects] name: (name=)')(() => validProject(nothing))
    }
  })

  test('the project of a name', () => assert.equal(projectOf(topic('abc', 'here')), 'here'))
})
