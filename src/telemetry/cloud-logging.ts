import type { LoggerOptions as PinoOptions } from 'pino'
import { stdTimeFunctions } from 'pino'

/** What runs, as Error Reporting and traces name it. */
export interface Service {
  readonly name: string
  readonly version: string
  /** Google Cloud project; undefined where the configuration could not be read. */
  readonly projectId?: string | undefined
}

/** https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#logseverity */
const severities: Readonly<Record<string, string>> = {
  trace: 'DEBUG',
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARNING',
  error: 'ERROR',
  fatal: 'CRITICAL',
}

/** https://cloud.google.com/error-reporting/docs/formatting-error-messages */
const reportedErrorEvent =
  'type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent'

const errorLevel = 50

/**
 * Lines as Cloud Logging's agents take them from standard error; without `severity` each would be an ERROR.
 * https://cloud.google.com/logging/docs/structured-logging
 */
export function cloudLogging({ name, version, projectId }: Service): PinoOptions {
  const event = { '@type': reportedErrorEvent, serviceContext: { service: name, version } }
  return {
    messageKey: 'message',
    timestamp: stdTimeFunctions.isoTime,
    formatters: {
      level: (label) => ({ severity: severities[label] ?? 'DEFAULT' }),
      log: ({ stack, traceparent, ...fields }) => ({
        ...fields,
        ...(stack === undefined ? {} : { stack_trace: stack }),
        ...traceFields(traceparent, projectId),
      }),
    },
    mixin: (_fields, level) => (level >= errorLevel ? event : {}),
  }
}

/** Of a `traceparent`; https://www.w3.org/TR/trace-context/#traceparent-header */
function traceFields(traceparent: unknown, projectId: string | undefined): object {
  const [, trace, span, flags = ''] =
    /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/.exec(String(traceparent)) ?? []
  if (trace === undefined) return {}
  return {
    'logging.googleapis.com/trace': projectId === undefined ? trace : `projects/${projectId}/traces/${trace}`,
    'logging.googleapis.com/spanId': span,
    'logging.googleapis.com/trace_sampled': (Number.parseInt(flags, 16) & 1) === 1,
  }
}
