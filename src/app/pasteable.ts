import type { Environment } from '#config/environment.ts'
import type { Mend } from '#core/mend.ts'
import { shellWord } from '#core/mend.ts'

/** Where variables come from, and so where a mend has to go to take effect. */
export interface Surroundings {
  readonly envFile: string | undefined
  /** The process's own, which goes before the file. */
  readonly own: Environment
  /** Both together. */
  readonly environment: Environment
}

/** The text to paste: whole lines, with a comment where it is not for a shell. */
export function pasteable(mends: readonly Mend[], surroundings: Surroundings): string {
  return mends.flatMap((mend) => linesOf(mend, surroundings)).join('\n')
}

function linesOf(mend: Mend, surroundings: Surroundings): readonly string[] {
  const { envFile, environment } = surroundings
  switch (mend.kind) {
    case 'shell':
      return mend.lines
    case 'ingester':
      return [
        `bin/ingester ${mend.command}${envFile === undefined ? '' : ` --env-file ${shellWord(envFile)}`}`,
      ]
    case 'sql':
      return [`-- in psql, as ${mend.as}`, ...mend.lines]
    case 'file':
      return [`# in ${mend.file}`, ...mend.lines]
    case 'setting':
      return settingLines(mend.values, surroundings)
    case 'secret':
      return [secretLine(mend.name, environment[`${mend.name}_FILE`])]
  }
}

function settingLines(
  values: Readonly<Record<string, string>>,
  { envFile, own, environment }: Surroundings,
): string[] {
  // An empty value takes one back; where there is none, there is nothing to do.
  const wanted = Object.entries(values).filter(
    ([name, value]) => value !== '' || environment[name] !== undefined,
  )
  const isOwn = ([name]: [string, string]) => envFile === undefined || own[name] !== undefined
  const inShell = wanted
    .filter(isOwn)
    .map(([name, value]) => (value === '' ? `unset ${name}` : `export ${name}=${shellWord(value)}`))
  const inFile = wanted.filter((one) => !isOwn(one)).map(([name, value]) => `${name}=${value}`)
  return [...inShell, ...(inFile.length > 0 ? [`# in ${envFile}`, ...inFile] : [])]
}

/** Asks for it without showing it, in bash and zsh alike. */
function secretLine(name: string, file: string | undefined): string {
  const ask = (variable: string) => `printf '${name}: '; read -rs ${variable}`
  if (file === undefined) return `${ask(name)}; export ${name}`
  return `${ask('SECRET')}; (umask 077; printf %s "$SECRET" > ${shellWord(file)}); unset SECRET`
}
