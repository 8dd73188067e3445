import type { google } from '@google-cloud/pubsub/build/protos/protos.js'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import { validName, validProject } from '../broker/names.ts'
import { msOf } from '../broker/proto.ts'
import { changedSubscription, changedTopic, subscriptionConfig, topicConfig } from '../broker/settings.ts'
import { invalidArgument, notFound, unimplemented } from '../broker/status.ts'
import type { Subscription } from '../broker/subscription.ts'
import type { AckIdFailure, AckIdFaults } from '../faults/ack-id-faults.ts'
import { partialFailure } from '../faults/ack-id-faults.ts'
import { pageOf } from './pages.ts'
import { pull } from './pull.ts'
import { checkAckIds, checkPublish } from './request-limits.ts'

type v1 = typeof google.pubsub.v1
/** The request of a method of the client library's services, by name. */
type RequestOf<
  S extends 'Publisher' | 'Subscriber' | 'SchemaService',
  M extends keyof v1[S]['prototype'],
> = v1[S]['prototype'][M] extends (request: infer R, ...rest: never[]) => unknown ? R : never

type Publisher<M extends keyof v1['Publisher']['prototype']> = RequestOf<'Publisher', M>
type Subscriber<M extends keyof v1['Subscriber']['prototype']> = RequestOf<'Subscriber', M>
type SchemaService<M extends keyof v1['SchemaService']['prototype']> = RequestOf<'SchemaService', M>

/** A response as an object, or encoded. */
export type Answer = object | Uint8Array

/** Answers a unary RPC; throws a StatusError. The signal aborts when the client is gone. */
export type Handler = (request: never, signal: AbortSignal) => Answer | Promise<Answer>

/** What is served, by the RPCs' names; StreamingPull apart. */
export function handlersOf(
  broker: Broker,
  clock: Clock,
  ackIdFaults: AckIdFaults,
): Readonly<Record<string, Handler>> {
  return { ...publisherAndSubscriber(broker, clock, ackIdFaults), ...snapshotsAndSchemas(broker) }
}

function publisherAndSubscriber(
  broker: Broker,
  clock: Clock,
  ackIdFaults: AckIdFaults,
): Readonly<Record<string, Handler>> {
  const subscriptionOf = ({ subscription }: { subscription?: string | null }) =>
    broker.subscription(validName('subscriptions', subscription))
  return {
    CreateTopic: (request: Publisher<'createTopic'>) => broker.createTopic(topicConfig(request)),
    GetTopic: ({ topic }: Publisher<'getTopic'>) => broker.topic(validName('topics', topic)),
    UpdateTopic: ({ topic, updateMask }: Publisher<'updateTopic'>) => {
      const standing = broker.topic(validName('topics', topic?.name))
      return broker.changeTopic(changedTopic(standing, topic ?? {}, updateMask))
    },
    ListTopics: (request: Publisher<'listTopics'>) => {
      const { page, nextPageToken } = pageOf(broker.topicsOf(validProject(request.project)), nameOf, request)
      return { topics: page, nextPageToken }
    },
    ListTopicSubscriptions: (request: Publisher<'listTopicSubscriptions'>) => {
      const names = broker.subscriptionsOfTopic(validName('topics', request.topic))
      const { page, nextPageToken } = pageOf(names, (name) => name, request)
      return { subscriptions: page, nextPageToken }
    },
    DeleteTopic: ({ topic }: Publisher<'deleteTopic'>) => {
      broker.deleteTopic(validName('topics', topic))
      return {}
    },
    DetachSubscription: ({ subscription }: Publisher<'detachSubscription'>) => {
      broker.detach(validName('subscriptions', subscription))
      return {}
    },
    Publish: ({ topic, messages }: Publisher<'publish'>) => {
      const name = validName('topics', topic)
      broker.topic(name)
      const outgoing = (messages ?? []) as Parameters<typeof broker.publish>[1]
      checkPublish(outgoing)
      return { messageIds: broker.publish(name, outgoing) }
    },

    CreateSubscription: (request: Subscriber<'createSubscription'>) => {
      validName('topics', request.topic)
      return broker.createSubscription(subscriptionConfig(request))
    },
    GetSubscription: (request: Subscriber<'getSubscription'>) => subscriptionOf(request).config,
    UpdateSubscription: ({ subscription, updateMask }: Subscriber<'updateSubscription'>) => {
      const { config } = broker.subscription(validName('subscriptions', subscription?.name))
      return broker.changeSubscription(changedSubscription(config, subscription ?? {}, updateMask))
    },
    ListSubscriptions: (request: Subscriber<'listSubscriptions'>) => {
      const all = broker.subscriptionsOf(validProject(request.project))
      const { page, nextPageToken } = pageOf(all, nameOf, request)
      return { subscriptions: page, nextPageToken }
    },
    DeleteSubscription: ({ subscription }: Subscriber<'deleteSubscription'>) => {
      broker.deleteSubscription(validName('subscriptions', subscription))
      return {}
    },
    ModifyPushConfig: (request: Subscriber<'modifyPushConfig'>) => {
      subscriptionOf(request)
      if (request.pushConfig?.pushEndpoint) throw unimplemented('push_config')
      return {}
    },
    Pull: (request: Subscriber<'pull'>, signal: AbortSignal) =>
      pull(subscriptionOf(request), request, clock, signal),
    Acknowledge: async (request: Subscriber<'acknowledge'>) => {
      const subscription = subscriptionOf(request)
      const ackIds = checkAckIds(request.ackIds)
      const failed = ackIdFaults.next('Acknowledge', ackIds)
      await subscription.acknowledge(ackIds.filter((ackId) => !failed.has(ackId)))
      return doneExcept(subscription, failed)
    },
    ModifyAckDeadline: (request: Subscriber<'modifyAckDeadline'>) => {
      const subscription = subscriptionOf(request)
      const ackIds = checkAckIds(request.ackIds)
      const failed = ackIdFaults.next('ModifyAckDeadline', ackIds)
      const others = ackIds.filter((ackId) => !failed.has(ackId))
      subscription.modifyAckDeadline(others, request.ackDeadlineSeconds ?? 0)
      return doneExcept(subscription, failed)
    },
    Seek: (request: Subscriber<'seek'>) => {
      const subscription = subscriptionOf(request)
      if (request.snapshot) throw unimplemented('seek to a snapshot')
      if (!request.time) throw invalidArgument('The target of the seek must be set.')
      subscription.seek(msOf(request.time))
      return {}
    },
  }
}

/**
 * Snapshots and schemas cannot be created here, so there is a true answer to calls that list, get or delete them: there
 * are none. Programs that clean up before they begin ask for all of them, and would otherwise fail at that.
 */
function snapshotsAndSchemas(broker: Broker): Readonly<Record<string, Handler>> {
  const noSnapshot = ({ snapshot }: { snapshot?: string | null }) => {
    throw notFound(`Snapshot does not exist (resource=${validName('snapshots', snapshot)}).`)
  }
  const noSchema = ({ name }: { name?: string | null }) => {
    throw notFound(`Schema not found (resource=${validName('schemas', name)}).`)
  }
  return {
    ListSnapshots: ({ project }: Subscriber<'listSnapshots'>) => {
      validProject(project)
      return { snapshots: [], nextPageToken: '' }
    },
    ListTopicSnapshots: ({ topic }: Publisher<'listTopicSnapshots'>) => {
      broker.topic(validName('topics', topic))
      return { snapshots: [], nextPageToken: '' }
    },
    GetSnapshot: noSnapshot,
    DeleteSnapshot: noSnapshot,
    ListSchemas: ({ parent }: SchemaService<'listSchemas'>) => {
      validProject(parent)
      return { schemas: [], nextPageToken: '' }
    },
    GetSchema: noSchema,
    ListSchemaRevisions: noSchema,
    DeleteSchema: noSchema,
  }
}

/** @throws StatusError where ids have failed; a deadline that failed for good has ended */
function doneExcept(subscription: Subscription, failed: ReadonlyMap<string, AckIdFailure>): Answer {
  if (failed.size === 0) return {}
  const ended = [...failed].filter(([, failure]) => failure.startsWith('PERMANENT')).map(([ackId]) => ackId)
  subscription.modifyAckDeadline(ended, 0)
  throw partialFailure(failed)
}

function nameOf({ name }: { name?: string | null }): string {
  return name ?? ''
}
