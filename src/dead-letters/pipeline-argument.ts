import { loadPipeline, pipelineNameOf, pipelineNames } from '#connect/pipelines.ts'
import { shellWord } from '#core/fix.ts'

/** The option that makes a command speak of the pipeline that the current command was given. */
export function pipelineOptionOf(reference: string | undefined): string {
  return reference === undefined ? '' : ` --pipeline ${shellWord(reference)}`
}

/**
 * The option that makes a command speak of the pipeline of that name. Empty where it does so anyway.
 *
 * @param configured names and paths
 * @param given name or path that the current command was given
 * @throws ConfigurationError where that one leads to no pipeline
 */
export async function pipelineArgument(
  name: string,
  configured: readonly string[],
  given?: string,
): Promise<string> {
  if (given !== undefined && (await pipelineNameOf(given)) === name) return pipelineOptionOf(given)
  const found = await configuredAs(name, configured)
  if (found !== undefined) return configured.length === 1 ? '' : pipelineOptionOf(found)
  return pipelineNames.includes(name) ? pipelineOptionOf(name) : ` --pipeline <file of ${name}>`
}

async function configuredAs(name: string, references: readonly string[]): Promise<string | undefined> {
  if (references.includes(name)) return name
  for (const reference of references) {
    // One that is faulty, or not in this folder, is none.
    const isThat = await loadPipeline(reference).then(
      (pipeline) => pipeline.name === name,
      () => false,
    )
    if (isThat) return reference
  }
  return undefined
}
