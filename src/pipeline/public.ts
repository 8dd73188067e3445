// What a module of a pipeline imports from `pubsub-postgres-ingester`: the package's public interface.
export type { Delivery } from '#core/delivery.ts'
export type {
  DecodeLimits,
  Decoded,
  RecordInspector,
  RecordKey,
  Scalar,
  StoredRecord,
  StoredRow,
} from '#core/pipeline.ts'
export { Ignored } from '#core/ignored.ts'
export { Rejection } from '#core/rejection.ts'
export { definePipeline } from './define-pipeline.ts'
export type { JsonObject } from './json-message.ts'
export type {
  AppendTableDefinition,
  ColumnDefinition,
  ColumnValue,
  NewestTableDefinition,
  PipelineDefinition,
  SumTableDefinition,
  TableDefinition,
  TablePipeline,
} from './make-pipeline.ts'
export { jsonReasons, readJson } from './read-json.ts'
