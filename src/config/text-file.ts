import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { ConfigFault } from './config-fault.ts'
import type { Unreadable } from './fault.ts'

/** As a message names it: by its variable, whose value may be something else than a path, or as the env file. */
export type FileSubject = Pick<Unreadable, 'variable' | 'path'>

/**
 * A file's text without its byte order mark.
 *
 * @throws ConfigFault where it cannot be read or is not UTF-8
 */
export function readTextFile(path: string, subject: FileSubject): string {
  const bytes = readBytes(path, subject)
  // ASCII in UTF-16 has a NUL in every other byte, with and without a byte order mark.
  if (bytes.includes(0) || /^(?:fffe|feff)/.test(bytes.subarray(0, 2).toString('hex'))) {
    throw unreadable(subject, { problem: 'has NUL bytes or is UTF-16', advice: asUtf8 })
  }
  if (!isUtf8(bytes)) throw unreadable(subject, { problem: 'is not UTF-8', advice: asUtf8 })
  return bytes.toString('utf8').replace(/^\u{feff}/u, '')
}

const asUtf8 = 'save it as UTF-8'

function unreadable(subject: FileSubject, why: Pick<Unreadable, 'code' | 'problem' | 'advice'>): ConfigFault {
  return new ConfigFault([{ kind: 'unreadable', ...subject, ...why }])
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
}

function readBytes(path: string, subject: FileSubject): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    const reason = reasons[code] === undefined ? '' : `, ${reasons[code]}`
    throw unreadable(subject, { code, problem: `cannot be read: ${code}${reason}` })
  }
}
