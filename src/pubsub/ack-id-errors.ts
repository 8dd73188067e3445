// What a failed Acknowledge or ModifyAckDeadline says of single ids. On a subscription with exactly-once delivery such a
// request succeeds in part: the error names the ids that failed, and the others are done.
// https://cloud.google.com/pubsub/docs/exactly-once-delivery
import { WireReader } from './wire-reader.ts'

/** `permanent`: the id is invalid now, and its message is redelivered. `transient`: to be sent again. */
export type AckIdError = 'permanent' | 'transient'

const detailsKey = 'grpc-status-details-bin'
const errorInfoType = 'type.googleapis.com/google.rpc.ErrorInfo'

/** Tags: field number << 3 | 2 (length-delimited). */
const status = { details: (3 << 3) | 2 }
const any = { typeUrl: (1 << 3) | 2, value: (2 << 3) | 2 }
const errorInfo = { metadata: (3 << 3) | 2 }
const entry = { key: (1 << 3) | 2, value: (2 << 3) | 2 }

/** The ids that an error of gRPC names. Empty where it is about the whole request, or cannot be read. */
export function ackIdErrors(error: unknown): ReadonlyMap<string, AckIdError> {
  const errors = new Map<string, AckIdError>()
  try {
    for (const details of detailsOf(error)) readStatus(details, errors)
  } catch (unreadable) {
    if (!(unreadable instanceof RangeError)) throw unreadable
  }
  return errors
}

function detailsOf(error: unknown): readonly Buffer[] {
  const { metadata } = (error ?? {}) as { metadata?: { get?: (key: string) => readonly unknown[] } }
  return metadata?.get?.(detailsKey).filter((value) => Buffer.isBuffer(value)) ?? []
}

function readStatus(bytes: Buffer, errors: Map<string, AckIdError>): void {
  eachField(new WireReader(bytes), bytes.length, (tag, reader, end) => {
    if (tag !== status.details) return
    let type = ''
    let value: readonly [from: number, to: number] | undefined
    eachField(reader, end, (field, _, fieldEnd) => {
      if (field === any.typeUrl) type = textOf(reader, fieldEnd)
      else if (field === any.value) value = [reader.at, fieldEnd]
    })
    if (type !== errorInfoType || value === undefined) return
    eachField(new WireReader(bytes, value[0]), value[1], (field, info, infoEnd) => {
      if (field === errorInfo.metadata) readEntry(info, infoEnd, errors)
    })
  })
}

/** `TRANSIENT_FAILURE_…` or `PERMANENT_FAILURE_…`; what is neither is of no use either. */
function readEntry(reader: WireReader, end: number, errors: Map<string, AckIdError>): void {
  let [ackId, reason] = ['', '']
  eachField(reader, end, (field, _, fieldEnd) => {
    if (field === entry.key) ackId = textOf(reader, fieldEnd)
    else if (field === entry.value) reason = textOf(reader, fieldEnd)
  })
  errors.set(ackId, reason.startsWith('TRANSIENT_') ? 'transient' : 'permanent')
}

/** Calls `read` with each length-delimited field's tag and end, the reader being at its beginning. */
function eachField(
  reader: WireReader,
  end: number,
  read: (tag: number, reader: WireReader, end: number) => void,
): void {
  while (reader.at < end) {
    const tag = reader.varint()
    if ((tag & 7) !== 2) {
      reader.skip(tag)
      continue
    }
    const fieldEnd = reader.endOfField()
    read(tag, reader, fieldEnd)
    reader.at = fieldEnd
  }
  reader.mustBeAt(end)
}

function textOf(reader: WireReader, end: number): string {
  return reader.bytes.toString('utf8', reader.at, end)
}
