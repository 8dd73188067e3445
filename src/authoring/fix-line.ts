import { asOwners } from './missing-fix.ts'
import { adviceText, commandLine } from '#connect/explain.ts'
import { variables } from '#connect/option-variables.ts'
import type { Fix } from '#core/fix.ts'
import type { Option } from '#core/option.ts'

/** What to do, in one line. The doctor prints the same as lines to paste. */
export function fixLine(fixes: readonly Fix[], envFile?: string): string | undefined {
  const texts = fixes.map((fix) => textOf(fix, envFile)).filter((text) => text !== '')
  return texts.length === 0 ? undefined : texts.join('; or ')
}

function textOf(fix: Fix, envFile: string | undefined): string {
  switch (fix.kind) {
    case 'shell':
      return `run: ${fix.lines.join(' && ')}`
    case 'ingester':
      return fix.as === 'owner'
        ? `${asOwners}: ${commandLine(fix.command, 'owner.env')}`
        : `run: ${commandLine(fix.command, envFile)}`
    case 'stack':
      return `run: ${commandLine('stack up')}`
    case 'remark':
      return [fix.text, fix.options.map((option) => variables[option]).join(' and ')].join(' ').trim()
    case 'advice':
      return adviceText(fix, envFile)
    case 'sql':
      return `as ${fix.as}: ${fix.lines.join(' ')}`
    case 'setting':
      return Object.entries(fix.values)
        .map(([option, value]) => settingOf(variables[option as Option], value))
        .join(', ')
    case 'secret':
      return `correct ${variables[fix.option]}`
    case 'file':
      return `add to ${fix.file}: ${fix.lines.join(' ')}`
  }
}

const settingOf = (name: string, value: string) => (value === '' ? `unset ${name}` : `set ${name}=${value}`)
