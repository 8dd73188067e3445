import { isIP } from 'node:net'
import { hasInvisible } from './shown.ts'

// Rules of others for names: what breaks one would be refused later and less clearly, or mean something else.

const label = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
const hostName = new RegExp(`^(?=.{1,254}$)${label}(?:\\.${label})*\\.?$`)

/** An IP address, or a name as DNS has them; with the underscores of Docker Compose. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || hostName.test(text)
}

/** The folder of a Unix socket, as libpq takes it for a host. */
export function isSocketFolder(text: string): boolean {
  return text.startsWith('/') && !hasInvisible(text)
}

/** NAMEDATALEN, less the NUL. */
const mostNameBytes = 63

/**
 * A role or a database of PostgreSQL, which cuts longer names without a word. It would take a colon; but where there is
 * one, a password mostly follows, and the server's messages repeat the name.
 * https://www.postgresql.org/docs/18/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
 */
export function isPostgresName(text: string): boolean {
  return (
    isPlainText(text) &&
    !text.includes(':') &&
    Buffer.byteLength(text) <= mostNameBytes &&
    !/^(["'`]).*\1$/.test(text)
  )
}

/** Visible characters only, no surrounding blanks. */
export function isPlainText(text: string): boolean {
  return text !== '' && text.trim() === text && !hasInvisible(text)
}

/** As in a resource name, optionally `domain:`; emulators accept it as is. */
export function isProjectId(text: string): boolean {
  return /^(?=.{1,100}$)(?:[A-Za-z0-9][\w-]*\.[\w.-]*:)?[A-Za-z0-9][\w.-]*$/.test(text)
}

/**
 * A project's id, perhaps of a domain (`example.com:my-project`), or its number.
 * https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin
 */
export function isGoogleProjectId(text: string): boolean {
  return /^(?:[a-z0-9][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$|^[1-9]\d{5,19}$/.test(text)
}

/** Whether a pipeline is named by the path of its file. */
export function isPipelinePath(text: string): boolean {
  return /[/\\]|\.(?:[cm]?[jt]s|ya?ml|json)$/i.test(text)
}

/** Whether that file is a mapping. */
export function isMappingPath(text: string): boolean {
  return /\.(?:ya?ml|json)$/i.test(text)
}

/** A topic or a subscription. https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names */
export function isResourceId(text: string): boolean {
  return /^(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}$/.test(text)
}
