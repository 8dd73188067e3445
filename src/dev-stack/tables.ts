import type { Config } from '#config/config.ts'
import { migrate } from '#postgres/migrations.ts'
import { grantByDefault } from '#postgres/default-grants.ts'
import { migrationsDir } from '#runtime/project.ts'
import type { Stack } from '#stack/stack.ts'

/**
 * Creates the tables of a stack that has just started, as their owner, and lets the ingester's role write to them, and to
 * those of later migrations.
 */
export async function createTables(
  { postgres: server }: Stack,
  { postgres }: Pick<Config, 'postgres'>,
): Promise<void> {
  if (!server) throw new Error('the stack is incomplete')
  const owner = { ...postgres, user: server.user, password: server.password }
  await grantByDefault(owner, server.writer.user)
  await migrate(owner, migrationsDir, 'up')
}
