import { z } from 'zod'
import { mappingFile } from './mapping-schema.ts'

/** For editors, which know this version of JSON schema best. Says less than the parser checks, and nothing else. */
export function mappingJsonSchema(): z.core.JSONSchema.JSONSchema {
  return z.toJSONSchema(mappingFile, { target: 'draft-7', io: 'input' })
}
