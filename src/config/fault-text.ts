import type { Conflict, Fault, Malformed, Place, Unreadable, UnknownVariable } from './fault.ts'
import { butNot, quoted } from './shown.ts'

/** The one wording of a fault: for a start that fails, the log, and the doctor. */
export function faultText(fault: Fault | UnknownVariable): string {
  return `${sentence(fault)}${fault.kind === 'missing' || fault.kind === 'syntax' ? '' : inFile(fault.place)}`
}

function sentence(fault: Fault | UnknownVariable): string {
  switch (fault.kind) {
    case 'missing':
      return `${fault.variable} is not set; for example ${fault.variable}=${fault.example}`
    case 'malformed':
      return malformedText(fault)
    case 'conflict':
      return conflictText(fault)
    case 'unreadable':
      return `${subject(fault)} ${fault.problem}${then(fault.advice)}`
    case 'syntax':
      return `${placeText(fault.place)}: ${fault.problem}${then(fault.advice)}`
    case 'unknown':
      return `${nameText(fault.variable)}: unknown variable, ignored${then(fault.meant && `did you mean ${fault.meant}?`)}`
  }
}

function ruleText({ rule, value, reason, advice, belongsIn }: Omit<Malformed, 'kind' | 'variable'>): string {
  const shown = value === undefined ? '' : butNot(value)
  const why = reason === undefined ? '' : `: ${reason}`
  const where = belongsIn === undefined ? undefined : `a URL belongs in ${belongsIn}`
  return `${rule}${shown}${why}${then(advice)}${then(where)}`
}

function malformedText(fault: Malformed): string {
  return `${subject(fault)}: ${ruleText(fault)}`
}

export function conflictText({
  variable,
  rule,
  advice,
}: Pick<Conflict, 'variable' | 'rule' | 'advice'>): string {
  return `${variable} ${rule}${then(advice)}`
}

function subject({ variable, path }: Pick<Unreadable, 'variable' | 'path'>): string {
  if (variable === undefined) return `the env file ${quoted(path ?? '')}`
  return path === undefined ? variable : `${variable} ${path}`
}

const then = (clause: string | undefined) => (clause ? `; ${clause}` : '')

const placeText = ({ file, line }: Place) => `${file}, line ${line}`

const inFile = (place: Place | undefined) => (place ? ` (${placeText(place)})` : '')

const nameText = (name: string) => (/^\w+$/.test(name) ? name : quoted(name))
