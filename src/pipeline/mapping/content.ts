import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { tooLarge } from '#core/dead-letter.ts'
import { preview } from '#core/preview.ts'
import { Rejection } from '#core/rejection.ts'

/** Of the attribute that says how a message is compressed. */
export const contentEncoding = 'content-encoding'

/** Why a message's bytes cannot be read. */
export const badEncoding = 'bad-encoding'

/** The content of a message that is compressed; never more than `maxBytes` of it come into being. */
export function decompressed(data: Buffer, encoding: string, maxBytes: number): Buffer | Rejection {
  const decompress = encoding === 'gzip' ? gunzipSync : encoding === 'zstd' ? zstdDecompressSync : undefined
  if (!decompress)
    return new Rejection(
      badEncoding,
      `the attribute ${contentEncoding} is ${preview(encoding)}; known are gzip and zstd`,
    )
  try {
    return decompress(data, { maxOutputLength: maxBytes })
  } catch (error) {
    if (error instanceof RangeError)
      return new Rejection(
        tooLarge,
        `the message has more than ${maxBytes} bytes once it is decompressed, which is the limit`,
      )
    return new Rejection(badEncoding, `the data is not ${encoding}, as the attribute ${contentEncoding} says`)
  }
}
