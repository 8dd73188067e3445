// What a module of a pipeline imports from `pubsub-postgres-ingester`: the package's public interface.
export type { Delivery } from '#core/delivery.ts'
export type {
  Column,
  DecodeLimits,
  Decoded,
  PostgresTable,
  RecordInspector,
  RecordKey,
  Scalar,
  StoredRow,
} from '#core/pipeline.ts'
export { Rejection } from '#core/rejection.ts'
export { definePipeline } from './define-pipeline.ts'
export type { JsonObject } from './json-message.ts'
export type { NewestPipeline, PipelineDefinition } from './make-pipeline.ts'
export { jsonReasons, readJson } from './read-json.ts'
