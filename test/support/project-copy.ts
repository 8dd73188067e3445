import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectDir } from './program.ts'

/** A copy of the project to plant a bug in. */
export async function projectCopy() {
  const dir = await mkdtemp(join(tmpdir(), 'ingester-copy-'))
  for (const part of ['bin', 'cmd', 'src', 'db', 'package.json']) {
    await cp(join(projectDir, part), join(dir, part), { recursive: true })
  }
  await symlink(join(projectDir, 'node_modules'), join(dir, 'node_modules'))
  return {
    dir,
    // The project's cache would keep what is compiled of every copy.
    env: { NODE_COMPILE_CACHE: join(dir, '.compiled') },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true }),
  }
}
