import { isUtf8 } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import type { Advice } from '#core/advice.ts'
import { advice } from '#core/advice.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { Place } from './mapping-error.ts'
import { MappingError } from './mapping-error.ts'

/** Far more than anybody writes by hand, and little enough to be read at once. */
const maxBytes = 1024 * 1024

/**
 * The text of a mapping file.
 *
 * @throws ConfigurationError where there is no file that can be read
 * @throws MappingError where it is not a string
 */
export function readMappingFile(path: string): string {
  const bytes = bytesOf(path)
  // ASCII in UTF-16 has a NUL in every other byte, with and without a byte order mark.
  const isUtf16 = bytes.includes(0) || /^(?:fffe|feff)/.test(bytes.subarray(0, 2).toString('hex'))
  if (isUtf16) throw notText(path, { line: 1, column: 1 }, 'has NUL bytes or is UTF-16')
  if (!isUtf8(bytes)) throw notText(path, placeOfFault(bytes), 'is not UTF-8')
  return bytes.toString('utf8')
}

function bytesOf(path: string): Buffer {
  try {
    const found = statSync(path)
    if (found.isDirectory()) throw noFile(`${path} is a folder`, advice`name the mapping's own file`)
    // Of a device or a pipe nobody knows how much there is to read, or when.
    if (!found.isFile()) throw noFile(`${path} is not a file`, advice`save the mapping in a file`)
    if (found.size > maxBytes)
      throw noFile(`${path} has more than 1 MiB, far more than a mapping`, advice`check the path`)
    return readFileSync(path)
  } catch (error) {
    if (error instanceof ConfigurationError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    if (code === 'ENOENT')
      throw noFile(`${path}: there is no such file in ${process.cwd()}`, advice`check the path`)
    const reason = code === 'EACCES' ? 'EACCES, permission denied' : code
    throw noFile(`${path} cannot be read: ${reason}`, advice`check the path, and who may read it`, error)
  }
}

function noFile(message: string, fix: Advice, cause?: unknown): ConfigurationError {
  return new ConfigurationError(message, { fixes: [fix], cause })
}

function notText(path: string, place: Place, what: string): MappingError {
  return new MappingError(path, [{ ...place, member: '', what, fix: 'save it as UTF-8' }])
}

/** The first character that is none. */
function placeOfFault(bytes: Buffer): Place {
  let start = 0
  for (let line = 1; ; line += 1) {
    const next = bytes.indexOf(0x0a, start)
    const written = bytes.subarray(start, next < 0 ? bytes.length : next)
    if (!isUtf8(written)) return { line, column: written.toString('utf8').indexOf('\u{fffd}') + 1 }
    start = next + 1
  }
}
