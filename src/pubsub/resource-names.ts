// A topic or a subscription is named by its id in the configured project, or by its full name, of any project.

/** The full name, as Pub/Sub knows it. */
export function subscriptionName(projectId: string, idOrName: string): string {
  return isFullName(idOrName) ? idOrName : `projects/${projectId}/subscriptions/${idOrName}`
}

/** The full name, as Pub/Sub knows it. */
export function topicName(projectId: string, idOrName: string): string {
  return isFullName(idOrName) ? idOrName : `projects/${projectId}/topics/${idOrName}`
}

/** An id has no slash. */
const isFullName = (idOrName: string) => idOrName.includes('/')

export interface NameParts {
  readonly projectId: string
  readonly id: string
}

/** What a full name consists of. */
export function partsOf(name: string): NameParts {
  const [, projectId = '', , id = ''] = name.split('/')
  return { projectId, id }
}

/** As gcloud takes it beside `--project`: the id of one of that project, else the full name. */
export function nameWithin(projectId: string, name: string): string {
  const parts = partsOf(name)
  return parts.projectId === projectId ? parts.id : name
}
