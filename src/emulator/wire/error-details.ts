import type { IMapField } from 'protobufjs'
import protobuf from 'protobufjs'
import type { ErrorInfo, StatusError } from '../broker/status.ts'
import { errorDomain, statusCodes } from '../broker/status.ts'

/** https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto, error_details.proto */
const metadata: IMapField = { keyType: 'string', type: 'string', id: 3 }
const root = protobuf.Root.fromJSON({
  nested: {
    Status: {
      fields: {
        code: { type: 'int32', id: 1 },
        message: { type: 'string', id: 2 },
        details: { rule: 'repeated', type: 'Any', id: 3 },
      },
    },
    Any: { fields: { typeUrl: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
    ErrorInfo: {
      fields: {
        reason: { type: 'string', id: 1 },
        domain: { type: 'string', id: 2 },
        metadata,
      },
    },
  },
})
const [statusType, infoType] = [root.lookupType('Status'), root.lookupType('ErrorInfo')]
const typeUrl = 'type.googleapis.com/google.rpc.ErrorInfo'

/** A `google.rpc.Status`, for the trailer `grpc-status-details-bin`. */
export function encodedStatus({ status, message }: StatusError, info: ErrorInfo): Buffer {
  const value = infoType.encode({ ...info, domain: errorDomain }).finish()
  const details = [{ typeUrl, value }]
  return Buffer.from(statusType.encode({ code: statusCodes[status], message, details }).finish())
}

/** The same for the REST API. */
export function detailsInJson({ reason, metadata }: ErrorInfo) {
  return [{ '@type': typeUrl, reason, domain: errorDomain, metadata }]
}
