/** Pub/Sub takes requests of at most 512 KiB to acknowledge or modify; 2,500 ids keep any one request short. */
const maxIds = 2500
const maxBytes = 512 * 1024
/** Tag and length of an id in the request, and room for the subscription's name. */
const idOverheadBytes = 4
const requestOverheadBytes = 1024

/** Splits what has ack ids into requests that the service accepts, in order. */
export function requestsOf<T>(ones: readonly T[], ackIdBytes: (one: T) => number): T[][] {
  const requests: T[][] = []
  let from = 0
  let at = 0
  let bytes = requestOverheadBytes
  for (const one of ones) {
    const size = ackIdBytes(one) + idOverheadBytes
    if (at > from && (at - from >= maxIds || bytes + size > maxBytes)) {
      requests.push(ones.slice(from, at))
      from = at
      bytes = requestOverheadBytes
    }
    bytes += size
    at += 1
  }
  if (from < ones.length) requests.push(ones.slice(from))
  return requests
}
