import { dirname, relative, resolve, sep } from 'node:path'
import { mappingSchemaFile } from '#runtime/project.ts'

/**
 * The path of the JSON schema of mapping files, from the folder of one. Undefined where the program is in npx's cache, which is
 * not there for long.
 */
export function schemaPath(file: string, schema = mappingSchemaFile): string | undefined {
  if (schema === undefined || schema.includes(`${sep}_npx${sep}`)) return undefined
  const path = relative(dirname(resolve(file)), schema).replaceAll(sep, '/')
  return path.startsWith('.') ? path : `./${path}`
}
