import { access, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

interface Link {
  /** What is there. */
  readonly source: string
  /** The link that is made to it. */
  readonly target: string
}

/**
 * Packages from npm hold no symbolic links: this one lists them, and its install script makes them. The names of those
 * that are not there.
 */
export async function missingLinks(packageFolder: string): Promise<string[]> {
  const text = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(text) as readonly Link[]
  const missing = await Promise.all(
    links.map(async ({ target }) =>
      access(join(packageFolder, target)).then(
        () => [],
        () => [basename(target)],
      ),
    ),
  )
  return missing.flat()
}
