import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { ConfigFault } from './fault.ts'

/**
 * A file's text without its byte order mark.
 *
 * @param what as a message names it; it and not the path, which may have been taken for something else
 * @throws ConfigFault where it cannot be read or is no UTF-8
 */
export function readTextFile(path: string, what: string): string {
  const bytes = readBytes(path, what)
  // ASCII in UTF-16 has a NUL in every other byte, with and without a byte order mark.
  if (bytes.includes(0) || /^(?:fffe|feff)/.test(bytes.subarray(0, 2).toString('hex'))) {
    throw new ConfigFault([`${what} has NUL bytes or is UTF-16; save it as UTF-8`])
  }
  if (!isUtf8(bytes)) throw new ConfigFault([`${what} is not UTF-8; save it as UTF-8`])
  return bytes.toString('utf8').replace(/^\u{feff}/u, '')
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
}

function readBytes(path: string, what: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new ConfigFault([`${what} cannot be read: ${code}${reasons[code] ? `, ${reasons[code]}` : ''}`])
  }
}
