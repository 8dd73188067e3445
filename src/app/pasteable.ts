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

/** The text to paste into a shell: whole lines, below a comment where they are for something else. */
export function pasteable(mends: readonly Mend[], surroundings: Surroundings): string {
  const lines: string[] = []
  let elsewhere = false
  for (const mend of mends) {
    if (elsewhere && !isElsewhere(mend)) lines.push('# then in the shell')
    elsewhere = isElsewhere(mend)
    lines.push(...linesOf(mend, surroundings))
  }
  return lines.join('\n')
}

const isElsewhere = ({ kind }: Mend) => kind === 'sql' || kind === 'file'

function linesOf(mend: Mend, surroundings: Surroundings): readonly string[] {
  const { envFile } = surroundings
  switch (mend.kind) {
    case 'shell':
      return mend.lines
    case 'ingester':
      return mend.as === 'owner'
        ? ["# as the tables' owner, whose variables are in owner.env", withFile(mend.command, 'owner.env')]
        : [withFile(mend.command, envFile)]
    case 'stack':
      return stackLines(surroundings)
    case 'remark':
      return [
        `# ${[mend.text, mend.names.map((name) => origin(name, surroundings)).join(' and ')].join(' ')}`.trimEnd(),
      ]
    case 'sql':
      return [`-- in psql, as ${mend.as}`, ...mend.lines]
    case 'file':
      return [`# add to ${mend.file}:`, ...mend.lines]
    case 'setting':
      return settingLines(mend.values, surroundings)
    case 'secret':
      return [secretLine(mend.name, surroundings)]
  }
}

function withFile(command: string, envFile: string | undefined): string {
  return `bin/ingester ${command}${envFile === undefined ? '' : ` --env-file ${shellWord(envFile)}`}`
}

const isOwn = (name: string, { envFile, own }: Surroundings) =>
  envFile === undefined || own[name] !== undefined

function origin(name: string, { envFile, own, environment }: Surroundings): string {
  if (environment[name] === undefined) return `${name} (not set)`
  if (own[name] === undefined) return `${name} (in ${envFile})`
  return `${name} (from the environment${envFile === undefined ? '' : `, which goes before ${envFile}`})`
}

/** Variables that `stack up` prints, and the one that would contradict them. */
const ofStack =
  /^INGESTER_(PROJECTID|POSTGRES_(HOST|PORT|USER|PASSWORD|PASSWORD_FILE|DB|SSL_MODE)|REDIS_(ADDR|ENABLED))$/

/** They are added to the file that is in use, where the last assignment holds: `--write` would replace all of it. */
function stackLines(surroundings: Surroundings): string[] {
  const { envFile, own } = surroundings
  const inTheWay = Object.keys(own).filter((name) => ofStack.test(name))
  const unset = inTheWay.length > 0 ? [`unset ${inTheWay.join(' ')}`] : []
  const head = (file: string) =>
    `# or take the project's own servers, to try it out; their variables go to ${file}`
  if (envFile === undefined) {
    const file = '.env.local'
    return [head(file), `bin/ingester stack up --detach --write ${file}`, ...unset, withFile('doctor', file)]
  }
  return [
    head(envFile),
    `(echo; bin/ingester stack up --detach) >> ${shellWord(envFile)}`,
    ...unset,
    ...settingLines({ INGESTER_POSTGRES_PASSWORD_FILE: '' }, { ...surroundings, own: {} }),
  ]
}

function settingLines(values: Readonly<Record<string, string>>, surroundings: Surroundings): string[] {
  const { envFile, environment } = surroundings
  // An empty value takes one back; where there is none, there is nothing to do.
  const wanted = Object.entries(values).filter(
    ([name, value]) => value !== '' || environment[name] !== undefined,
  )
  const inShell = wanted
    .filter(([name]) => isOwn(name, surroundings))
    .map(([name, value]) => (value === '' ? `unset ${name}` : `export ${name}=${shellWord(value)}`))
  const inFile = wanted
    .filter(([name]) => !isOwn(name, surroundings))
    .map(([name, value]) => shellWord(`${name}=${inQuotes(value)}`))
  if (inFile.length === 0) return inShell
  // The last assignment holds. The empty line: the file's last one may have no end.
  return [...inShell, `printf '%s\\n' '' ${inFile.join(' ')} >> ${shellWord(envFile ?? '')}`]
}

/** A value as an env file takes it. */
function inQuotes(value: string): string {
  if (/^[\w@%+=:,./-]*$/.test(value)) return value
  const quote = [`'`, '`', '"'].find((one) => !value.includes(one)) ?? ''
  return `${quote}${value}${quote}`
}

/**
 * Asks for it without showing it, in bash and zsh alike, and puts it where it is looked for. All in one line: what is
 * pasted below would be read as the secret.
 */
function secretLine(name: string, surroundings: Surroundings): string {
  const { envFile, environment } = surroundings
  const ask = (variable: string) => `printf '${name}: '; read -rs ${variable}`
  const file = environment[`${name}_FILE`]
  if (file !== undefined) {
    return `${ask('SECRET')}; (umask 077; printf %s "$SECRET" > ${shellWord(file)}); unset SECRET`
  }
  if (isOwn(name, surroundings) || envFile === undefined) return `${ask(name)}; export ${name}`
  // `[^`: an interactive bash takes `[!A` for a command of its history.
  const quote = `case $SECRET in *\\'*\\\`*|*\\\`*\\'*) Q='"' ;; *\\'*) Q='\`' ;; *[^A-Za-z0-9_@%+=:,./-]*) Q="'" ;; *) Q= ;; esac`
  const others = `REST=$(sed '/^ *\\(export *\\)\\{0,1\\}${name} *=/d' ${shellWord(envFile)})`
  const write = `(umask 077; printf '%s\\n' "$REST" "${name}=$Q$SECRET$Q" > ${shellWord(envFile)})`
  return `${ask('SECRET')}; ${quote}; ${others} && ${write}; unset SECRET REST Q`
}
