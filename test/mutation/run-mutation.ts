import { rmSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectDir } from '../support/program.ts'
import type { Edit, Mutation } from './mutation.ts'
import { edited } from './mutation.ts'
import type { Budget, Finding, SuiteName } from './suites.ts'
import { look } from './suites.ts'

/** What became of a mutation. */
export interface MutationResult {
  readonly mutation: Mutation
  /** Undefined: none. */
  readonly caughtBy: SuiteName | undefined
  readonly took: string
  readonly said: string
  readonly seconds: number
}

/** Runs the mutation's suites on a copy of the project that has it, until one catches it. */
export async function runMutation(
  mutation: Mutation,
  seed: number,
  budget: Budget,
  progress: (suite: SuiteName) => void,
): Promise<MutationResult> {
  const began = performance.now()
  await using copy = await copyOfProject(mutation.edits)
  const missedBy: string[] = []
  const result = (
    caughtBy: SuiteName | undefined,
    { took, said }: Pick<Finding, 'took' | 'said'>,
  ): MutationResult => ({
    mutation,
    caughtBy,
    took,
    said,
    seconds: Math.round((performance.now() - began) / 100) / 10,
  })
  for (const suite of mutation.suites) {
    progress(suite)
    const finding = await look(suite, copy.dir, seed, budget)
    const failure = finding.isCaught ? await failureWithoutMutation(suite, finding) : undefined
    if (finding.isCaught && failure === undefined) return result(suite, finding)
    missedBy.push(failure ?? `${suite}: ${finding.took}`)
  }
  return result(undefined, { took: missedBy.join('; '), said: '' })
}

/** A suite that catches a mutation must pass without it: says how it fails otherwise. */
async function failureWithoutMutation(suite: SuiteName, { seed }: Finding): Promise<string | undefined> {
  await using copy = await copyOfProject([])
  const { isCaught, said } = await look(suite, copy.dir, seed, { schedules: 1, seconds: 0 })
  return isCaught ? `${suite}: with seed ${seed} it fails without the mutation, too: ${said}` : undefined
}

async function copyOfProject(edits: readonly Edit[]): Promise<AsyncDisposable & { readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'ingester-mutation-'))
  for (const part of ['bin', 'cmd', 'src', 'db', 'test', 'tools', 'package.json', 'vitest.config.ts']) {
    await cp(join(projectDir, part), join(dir, part), { recursive: true })
  }
  await symlink(join(projectDir, 'node_modules'), join(dir, 'node_modules'))
  const remove = () => rmSync(dir, { recursive: true, force: true })
  process.once('exit', remove)
  for (const edit of edits) {
    const file = join(dir, edit.file)
    await writeFile(file, edited(await readFile(file, 'utf8'), edit))
  }
  return {
    dir,
    [Symbol.asyncDispose]: async () => {
      process.off('exit', remove)
      await rm(dir, { recursive: true })
    },
  }
}
