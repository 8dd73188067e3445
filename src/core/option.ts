/**
 * The settings of the product, by what they set. Errors and fixes name these; which variable sets which is for those to
 * know who read the variables.
 */
export type Option =
  | 'pipeline'
  | 'pipelines'
  | 'startupTimeout'
  | 'shutdownTimeout'
  | `pubsub.${'projectId' | 'topicId' | 'subscriptionId' | 'emulatorHost'}`
  | `consumer.${'ackDeadline' | 'maxOutstandingMessages' | 'maxOutstandingBytes'}`
  | `limits.${'maxMessageBytes' | 'maxClockSkew'}`
  | `postgres.${'url' | 'host' | 'port' | 'user' | 'password' | 'database' | 'sslMode' | 'poolSize' | 'statementTimeout'}`
  | `redis.${'url' | 'enabled' | 'address' | 'password' | 'database' | 'tls' | 'ttl' | 'claims'}`
  | `engine.${'workers' | 'maxBatchRecords' | 'maxBatchBytes' | 'flushInterval' | 'deleteHorizon' | 'identityHorizon' | 'idempotencyWindow'}`
  | `gateway.${'host' | 'port' | 'tokens' | 'trustedProxies' | 'rateLimit' | 'accessLog'}`
  | `log.${'level' | 'output'}`
  | `http.${'host' | 'port'}`
