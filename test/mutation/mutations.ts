import { deleteMutations } from './delete-mutations.ts'
import { edgeMutations } from './edge-mutations.ts'
import { engineMutations } from './engine-mutations.ts'
import { identityMutations } from './identity-mutations.ts'
import type { Mutation } from './mutation.ts'
import { cacheMutations, tableMutations } from './store-mutations.ts'

/** All mutations, each to be caught by a suite that draws its own cases. */
export const mutations: readonly Mutation[] = [
  ...engineMutations,
  ...tableMutations,
  ...deleteMutations,
  ...identityMutations,
  ...cacheMutations,
  ...edgeMutations,
]
