/** Pub/Sub takes requests of at most 512 KiB to acknowledge or modify; 2,500 ids keep any one request short. */
const maxIds = 2500
const maxBytes = 512 * 1024
/** Tag and length of an id in the request, and room for the subscription's name. */
const idOverheadBytes = 4
const requestOverheadBytes = 1024

/** Splits ack ids into requests that the service accepts, in order. */
export function requestsOf(ackIds: readonly string[]): string[][] {
  const requests: string[][] = []
  let current: string[] = []
  let bytes = requestOverheadBytes
  for (const ackId of ackIds) {
    const size = ackId.length + idOverheadBytes
    if (current.length > 0 && (current.length >= maxIds || bytes + size > maxBytes)) {
      requests.push(current)
      current = []
      bytes = requestOverheadBytes
    }
    current.push(ackId)
    bytes += size
  }
  if (current.length > 0) requests.push(current)
  return requests
}
