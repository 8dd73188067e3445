import { invalidArgument } from './status.ts'

type Collection = 'topics' | 'subscriptions' | 'snapshots' | 'schemas'

/** https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names */
const id = '(?!goog)[A-Za-z][A-Za-z0-9\\-_.~+%]{2,254}'

const patterns: Readonly<Record<Collection, RegExp>> = {
  topics: new RegExp(`^projects/[^/]+/topics/${id}$`),
  subscriptions: new RegExp(`^projects/[^/]+/subscriptions/${id}$`),
  snapshots: new RegExp(`^projects/[^/]+/snapshots/${id}$`),
  // A schema may be asked for at a revision: `projects/p/schemas/s@1a2b3c4d`.
  schemas: new RegExp(`^projects/[^/]+/schemas/${id}(@[\\w-]+)?$`),
}

/** What a subscription has for a topic when that was deleted. */
export const deletedTopic = '_deleted-topic_'

/** @throws StatusError if it is not `projects/{project}/{collection}/{id}` */
export function validName(collection: Collection, name: string | null | undefined): string {
  if (!name || !patterns[collection].test(name)) {
    throw invalidArgument(`Invalid [${collection}] name: (name=${name ?? ''})`)
  }
  return name
}

/** @throws StatusError if it is not `projects/{project}` */
export function validProject(name: string | null | undefined): string {
  if (!name || !/^projects\/[^/]+$/.test(name))
    throw invalidArgument(`Invalid [projects] name: (name=${name ?? ''})`)
  return name
}

/** `p` of `projects/p/…` */
export function projectOf(name: string): string {
  return name.split('/')[1] ?? ''
}
