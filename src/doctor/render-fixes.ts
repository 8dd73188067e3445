import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Environment } from '#config/environment.ts'
import { isPlainPath, isSecret } from '#config/secrets.ts'
import { adviceText, commandLine } from '#connect/explain.ts'
import { variables } from '#connect/option-variables.ts'
import type { Fix, Settings } from '#core/fix.ts'
import { shellWord } from '#core/fix.ts'
import { programName } from '#runtime/program-name.ts'
import type { Option } from '#core/option.ts'

/** Where variables come from, and so where a fix has to go to take effect. */
export interface ConfigOrigins {
  readonly envFile: string | undefined
  /** As the command line named them. */
  readonly pipelines?: readonly string[] | undefined
  /** The process's own, which goes before the file. */
  readonly own: Environment
  /** Both together. */
  readonly environment: Environment
}

/**
 * Where a rejected secret was read from, since that may not be the place that was changed; empty where none is set. The
 * file's modification time shows whether a rotation has reached this machine.
 */
export function secretOrigin(name: string, origins: ConfigOrigins): string {
  const { environment } = origins
  const url = name.replace(/_PASSWORD$/, '_URL')
  const from = [name, `${name}_FILE`, url, `${url}_FILE`].find((one) => environment[one] !== undefined)
  if (from === undefined) return ''
  const path = from.endsWith('_FILE') ? environment[from] : undefined
  const changedAt = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false })?.mtime
  return `; it was read from ${origin(from, origins)}${changedAt ? `, a file last changed ${changedAt.toISOString()}` : ''}`
}

/** The text to paste into a shell: whole lines, below a comment where they are for something else. */
export function renderFixes(fixes: readonly Fix[], origins: ConfigOrigins): string {
  const lines: string[] = []
  let elsewhere = false
  for (const fix of fixes) {
    if (elsewhere && !isElsewhere(fix)) lines.push('# then in the shell')
    elsewhere = isElsewhere(fix)
    lines.push(...linesOf(fix, origins))
  }
  return lines.join('\n')
}

const isElsewhere = ({ kind }: Fix) => kind === 'sql' || kind === 'file'

function linesOf(fix: Fix, origins: ConfigOrigins): readonly string[] {
  const { envFile } = origins
  switch (fix.kind) {
    case 'shell':
      return fix.lines
    case 'ingester':
      return fix.as === 'owner'
        ? ["# as the tables' owner, whose variables are in owner.env", commandLine(fix.command, 'owner.env')]
        : [commandLine(withPipelines(fix.command, origins), envFile)]
    case 'stack':
      return stackLines(origins)
    case 'remark':
      return [
        `# ${[fix.text, fix.options.map((one) => origin(variables[one], origins)).join(' and ')].join(' ')}`.trimEnd(),
      ]
    case 'sql':
      return [`-- in psql, as ${fix.as}`, ...fix.lines]
    case 'file':
      return [`# add to ${fix.file}:`, ...fix.lines]
    case 'advice':
      return adviceText(fix, envFile)
        .split('\n')
        .map((line) => `# ${line}`)
    case 'setting':
      return settingLines(variablesOf(fix.values), origins)
    case 'secret':
      return secretLines(variables[fix.option], origins)
  }
}

/** Commands that mean the configured pipelines mean those that this one was given. */
function withPipelines(command: string, { pipelines = [] }: ConfigOrigins): string {
  if (command !== 'run' && command !== 'doctor') return command
  return [command, ...pipelines.map((one) => `--pipeline ${shellWord(one)}`)].join(' ')
}

/** Removing a secret also removes its `_FILE` variable. */
function variablesOf(values: Settings): Readonly<Record<string, string>> {
  const entries = Object.entries(values).flatMap(([option, value]) => {
    const name = variables[option as Option]
    return value === '' && isSecret(name) ? [name, `${name}_FILE`].map((one) => [one, '']) : [[name, value]]
  })
  return Object.fromEntries(entries)
}

const isOwn = (name: string, { envFile, own }: ConfigOrigins) =>
  envFile === undefined || own[name] !== undefined

function origin(name: string, { envFile, own, environment }: ConfigOrigins): string {
  if (environment[name] === undefined) return `${name} (not set)`
  if (own[name] === undefined) return `${name} (in ${envFile})`
  return `${name} (from the environment${envFile === undefined ? '' : `, which overrides ${envFile}`})`
}

/** Variables that `stack up` prints, and the one that would contradict them. */
const ofStack =
  /^INGESTER_(PROJECTID|POSTGRES_(URL(_FILE)?|HOST|PORT|USER|PASSWORD(_FILE)?|DB|SSL_MODE)|REDIS_(URL(_FILE)?|ADDR|ENABLED|PASSWORD(_FILE)?))$/

/** What such lines of the file would go on to say. */
const contradicting = Object.fromEntries(
  [
    'POSTGRES_PASSWORD_FILE',
    'POSTGRES_URL',
    'POSTGRES_URL_FILE',
    'REDIS_PASSWORD_FILE',
    'REDIS_URL',
    'REDIS_URL_FILE',
  ].map((name) => [`INGESTER_${name}`, '']),
)

/** They are added to the file that is in use, where the last assignment holds: `--write` would replace all of it. */
function stackLines(origins: ConfigOrigins): string[] {
  const { envFile, own } = origins
  const inTheWay = Object.keys(own).filter((name) => ofStack.test(name))
  const unset = inTheWay.length > 0 ? [`unset ${inTheWay.join(' ')}`] : []
  const head = (file: string) =>
    `# or use the project's own servers for a trial; their variables go to ${file}`
  if (envFile === undefined) {
    const file = '.env.local'
    return [
      head(file),
      `${programName} stack up --detach --write ${file}`,
      ...unset,
      commandLine('doctor', file),
    ]
  }
  return [
    head(envFile),
    `(echo; ${programName} stack up --detach) >> ${shellWord(envFile)}`,
    ...unset,
    ...settingLines(contradicting, { ...origins, own: {} }),
  ]
}

function settingLines(values: Readonly<Record<string, string>>, origins: ConfigOrigins): string[] {
  const { envFile, environment } = origins
  const file = shellWord(envFile ?? '')
  const wanted = Object.entries(values)
  const set = wanted.filter(([, value]) => value !== '')
  // An empty value unsets one; where there is none, there is nothing to do.
  const removed = wanted
    .filter(([name, value]) => value === '' && environment[name] !== undefined)
    .map(([name]) => name)
  const isHere = (name: string) => isOwn(name, origins)
  const assignments = set
    .filter(([name]) => !isHere(name))
    .map(([name, value]) => shellWord(`${name}=${inQuotes(value)}`))
  return [
    ...removed.filter(isHere).map((name) => `unset ${name}`),
    ...set.filter(([name]) => isHere(name)).map(([name, value]) => `export ${name}=${shellWord(value)}`),
    ...removed
      .filter((name) => !isHere(name))
      .map((name) => `sed -E -i.bak '${assignmentOf(name)}d' ${file}`),
    // The last assignment holds. The empty line: the file's last one may have no end.
    ...(assignments.length > 0 ? [`printf '%s\\n' '' ${assignments.join(' ')} >> ${file}`] : []),
  ]
}

/** The lines of an env file that assign to a variable, for sed -E. */
const assignmentOf = (name: string) => `/^ *(export +)?${name} *=/`

/** A value as an env file takes it. */
function inQuotes(value: string): string {
  if (/^[\w@%+=:,./-]*$/.test(value)) return value
  const quote = [`'`, '`', '"'].find((one) => !value.includes(one)) ?? ''
  return `${quote}${value}${quote}`
}

/** A path that may be the secret itself is not shown; the variable is. */
function secretLines(name: string, origins: ConfigOrigins): string[] {
  const variable = `${name}_FILE`
  const { [variable]: path, ...environment } = origins.environment
  if (path === undefined || isPlainPath(path)) return [secretLine(name, origins)]
  const removed = settingLines({ [variable]: '' }, origins)
  return [...removed, secretLine(name, { ...origins, environment })]
}

/**
 * Asks for it without showing it, in bash and zsh alike, and puts it where it is looked for. All in one line: what is
 * pasted below would be read as the secret.
 */
function secretLine(name: string, origins: ConfigOrigins): string {
  const { envFile, environment } = origins
  const ask = (variable: string) => `printf '${name}: '; read -rs ${variable}`
  const file = environment[`${name}_FILE`]
  if (file !== undefined) {
    const write = `mkdir -p ${shellWord(dirname(file))} && printf %s "$SECRET" > ${shellWord(file)}`
    return `${ask('SECRET')}; (umask 077; ${write}); unset SECRET`
  }
  if (isOwn(name, origins) || envFile === undefined) return `${ask(name)}; export ${name}`
  // `[^`: an interactive bash takes `[!A` for a command of its history.
  const quote = `case $SECRET in *\\'*\\\`*|*\\\`*\\'*) Q='"' ;; *\\'*) Q='\`' ;; *[^A-Za-z0-9_@%+=:,./-]*) Q="'" ;; *) Q= ;; esac`
  const others = `REST=$(sed -E '${assignmentOf(name)}d' ${shellWord(envFile)})`
  const write = `(umask 077; printf '%s\\n' "$REST" "${name}=$Q$SECRET$Q" > ${shellWord(envFile)})`
  return `${ask('SECRET')}; ${quote}; ${others} && ${write}; unset SECRET REST Q`
}
