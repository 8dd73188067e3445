import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The SQL files that make the tables. */
export const migrationsDir = fileURLToPath(new URL('../../db/migrations', import.meta.url))

/** The project's own folder. */
export const projectDir = fileURLToPath(new URL('../..', import.meta.url))

/** The JSON schema of mapping files. Compiled code is a folder deeper in its package. */
export const mappingSchemaFile = ['../../docs', '../../../docs']
  .map((folder) => fileURLToPath(new URL(`${folder}/pipeline.schema.json`, import.meta.url)))
  .find(existsSync)
