import { fileURLToPath } from 'node:url'

/** The SQL files that make the tables. */
export const migrationsDir = fileURLToPath(new URL('../../db/migrations', import.meta.url))

/** The project's own folder. */
export const projectDir = fileURLToPath(new URL('../..', import.meta.url))
