import type { Delivery } from '#core/delivery.ts'
import { JsonScanner } from '../json/scanner.ts'
import type { FieldPath } from './mapping.ts'

/** The message that is read now: its content, decompressed, between `from` and `to`. */
export interface Message {
  bytes: Buffer
  from: number
  to: number
  delivery: Metadata
}

/** What comes with its content. */
export type Metadata = Pick<
  Delivery,
  'messageId' | 'publishTimeMs' | 'orderingKey' | 'subscription' | 'attributes'
>

/** Where a value is found after a scan: by its place in the scanner's arrays. */
export interface Place {
  readonly scanner: JsonScanner
  readonly at: number
}

/**
 * The places of all values that a mapping reads. Without `split` its only element is the message itself. Places are asked for
 * first; the scanners are made when all are known.
 */
export class Places {
  readonly #paths = { message: [[]] as Segments[], element: [[]] as Segments[] }
  readonly #splits: boolean
  #scanners: Readonly<Record<Root, JsonScanner>> | undefined

  constructor(splits: boolean) {
    this.#splits = splits
  }

  /** Whether any field is read at all: else a message need not be JSON. */
  get areFields(): boolean {
    return this.#splits || this.#paths.message.length > 1
  }

  /** @returns its place, which may be asked for once all are known */
  add({ from, segments }: FieldPath): () => Place {
    const root = this.#splits ? from : 'message'
    const at = this.#paths[root].push(segments) - 1
    return () => ({ scanner: this.scanners[root], at })
  }

  /** Of the message and of each element; the first place of each is all of it. */
  get scanners(): Readonly<Record<Root, JsonScanner>> {
    const { message, element } = this.#paths
    return (this.#scanners ??= { message: new JsonScanner(message), element: new JsonScanner(element) })
  }
}

type Root = FieldPath['from']
type Segments = FieldPath['segments']
