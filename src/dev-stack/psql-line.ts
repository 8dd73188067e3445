import { shellWord } from '#core/fix.ts'
import { serviceName } from '#stack/service-file.ts'

/**
 * The line for a shell that opens a stack's database. The password is in a file: every user of the machine can list
 * arguments.
 */
export function stackPsqlLine(serviceFile: string): string {
  return `PGSERVICEFILE=${shellWord(serviceFile)} psql service=${serviceName}`
}
