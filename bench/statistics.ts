/** The median, and the least and greatest. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly greatest: number
}

/** @throws Error where there is nothing to summarise */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const [least, greatest] = [sorted.at(0), sorted.at(-1)]
  if (least === undefined || greatest === undefined) throw new Error('there is no value')
  return { median: medianOf(values), least, greatest }
}

/** Of an even number the mean of the middle two; NaN of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]]
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2
}

/** The least value that so large a share (0 to 1) does not exceed: nearest rank. NaN of none. */
export function quantileOf(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

export interface Point {
  readonly x: number
  readonly y: number
}

/** Of the straight line through the points, by least squares: y per x; 0 where there is no line. */
export function slopeOf(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number) => points.reduce((sum, one) => sum + of(one), 0) / points.length
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)]
  const square = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0)
  const product = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0)
  return square > 0 ? product / square : 0
}
