const defaultPageSize = 1000

interface PageRequest {
  readonly pageSize?: number | null
  readonly pageToken?: string | null
}

/** A part of a sorted list; the token is the name at which the next part begins. */
export function pageOf<T>(
  all: readonly T[],
  nameOf: (item: T) => string,
  { pageSize, pageToken }: PageRequest,
): { page: T[]; nextPageToken: string } {
  const from = pageToken ? all.findIndex((item) => nameOf(item) >= pageToken) : 0
  if (from < 0) return { page: [], nextPageToken: '' }
  const end = from + (pageSize && pageSize > 0 ? Math.min(pageSize, defaultPageSize) : defaultPageSize)
  const next = all[end]
  return { page: all.slice(from, end), nextPageToken: next === undefined ? '' : nameOf(next) }
}
