import type { Sink } from '#core/sink.ts'

/** A sink of versions, where to write again changes nothing, with all that it may have. */
export type WholeSink<R = unknown> = Required<Omit<Sink<R>, 'retake'>>
