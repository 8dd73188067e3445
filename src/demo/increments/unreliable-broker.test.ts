import assert from 'node:assert/strict'
import { test } from 'vitest'
import { startPubsub } from '#stack/pubsub.ts'
import { UnreliableBroker } from './unreliable-broker.ts'

const misbehaviour = { duplicates: 0.2, lostReplies: 0 }
const never = new AbortController().signal

test('while it is paused it takes no message, and after that it does', async () => {
  await using pubsub = await startPubsub({ port: 0 })
  const topic = `http://${pubsub.emulatorHost}/v1/projects/project/topics/topic`
  await fetch(topic, { method: 'PUT' })
  const publish = async () => {
    const body = JSON.stringify({ messages: [{ data: 'YQ==' }] })
    const { status } = await fetch(`${topic}:publish`, { method: 'POST', body })
    return status
  }
  const broker = new UnreliableBroker(pubsub, misbehaviour)
  assert.equal(await publish(), 200)
  const stop = new AbortController()
  const paused = broker.pause(60_000, stop.signal)
  assert.equal(await publish(), 503)
  stop.abort()
  await paused
  assert.equal(await publish(), 200)
})

test('one that is given does nothing wrong', async () => {
  await using own = await startPubsub({ port: 0 })
  await using given = await startPubsub({ emulatorHost: own.emulatorHost })
  assert.equal(new UnreliableBroker(given, misbehaviour).canMisbehave, false)
  await new UnreliableBroker(given, misbehaviour).pause(1, never)
})
