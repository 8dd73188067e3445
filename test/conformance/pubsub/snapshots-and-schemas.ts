import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { status } from '@grpc/grpc-js'
import type { PubsubFeatures } from './features.ts'
import type { OnServer } from './kit.ts'
import { newProject, raw, refused, topicName } from './kit.ts'

/** Where none has been created: what a program sees that looks, or cleans up, before it begins. */
export function snapshotAndSchemaTests(onServer: OnServer, features: PubsubFeatures): void {
  describe('snapshots and schemas', () => {
    test(
      'a project has no snapshots, nor has a topic',
      onServer(async ({ subscriber, publisher, ...kit }) => {
        const topic = await kit.createTopic()
        const [, , ofProject] = await subscriber.listSnapshots({ project: `projects/${newProject()}` }, raw)
        const [, , ofTopic] = await publisher.listTopicSnapshots({ topic, pageSize: 10 }, raw)
        for (const answer of [ofProject, ofTopic]) {
          assert.deepEqual({ ...answer }, { snapshots: [], nextPageToken: '' })
        }
        if (features.refusesToListUnknownTopics) {
          await refused(publisher.listTopicSnapshots({ topic: topicName() }, raw), status.NOT_FOUND)
        }
      }),
    )

    test(
      'getting or deleting a snapshot returns NOT_FOUND; its name is validated',
      onServer(async ({ subscriber }) => {
        const collection = `projects/${newProject()}/snapshots`
        const [good, bad] = [`${collection}/abc`, `${collection}/1`] as const
        for (const call of ['getSnapshot', 'deleteSnapshot'] as const) {
          await refused(subscriber[call]({ snapshot: good }, raw), status.NOT_FOUND, /does not exist/)
          await refused(subscriber[call]({ snapshot: bad }, raw), status.INVALID_ARGUMENT, /snapshots/)
        }
      }),
    )

    test(
      'over REST there are none of either, and none is found',
      onServer(async ({ emulatorHost, ...kit }) => {
        const topic = await kit.createTopic()
        const project = `projects/${newProject()}`
        const call = async (method: string, path: string) => {
          const response = await fetch(`http://${emulatorHost}/v1/${path}`, { method })
          return { status: response.status, body: JSON.stringify(await response.json()) }
        }
        for (const path of [
          `${project}/snapshots`,
          `${topic}/snapshots?pageSize=5`,
          `${project}/schemas`,
          `${project}/schemas?view=FULL`,
        ]) {
          const answer = await call('GET', path)
          assert.equal(answer.status, 200, `${path}: ${answer.body}`)
          // In proto3's JSON what is empty may be left out.
          assert.doesNotMatch(answer.body, /name/)
        }
        const named = [
          ['GET', 'snapshots/abc'],
          ['DELETE', 'snapshots/abc'],
          ['GET', 'schemas/abc'],
          ['GET', 'schemas/abc@1a2b3c4d'],
          ['GET', 'schemas/abc:listRevisions'],
          ['DELETE', 'schemas/abc'],
        ] as const
        for (const [method, path] of named) {
          const missing = await call(method, `${project}/${path}`)
          assert.equal(missing.status, 404, `${method} ${path}: ${missing.body}`)
          assert.match(missing.body, /NOT_FOUND/)
          const misnamed = await call(method, `${project}/${path.replace('/abc', '/1')}`)
          assert.equal(misnamed.status, 400, `${method} ${path}: ${misnamed.body}`)
        }
      }),
    )
  })
}
