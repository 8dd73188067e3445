import { styleText } from 'node:util'
import { Command } from 'commander'
import { exitCode } from '#app/exit-code.ts'
import type { DoctorReport, ReportedCheck } from '#doctor/diagnose.ts'
import { collected } from '#argv/argument.ts'
import { programName } from '#runtime/program-name.ts'

interface Options {
  readonly envFile?: string
  readonly pipeline?: readonly string[]
  readonly json?: boolean
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('diagnose problems and suggest fixes')
    .description('Diagnose problems and suggest fixes. It changes nothing.')
    .option('--env-file <file>', 'env file; environment variables take precedence')
    .option(
      '--pipeline <name>',
      'which pipeline, or the path of its mapping file or module; repeatable',
      collected,
    )
    .option('--json', 'print one JSON object: {checks: [{name, status, detail, fix?}], ok}')
    .addHelpText(
      'before',
      `Examples:
  ${programName} doctor --env-file .env
  ${programName} doctor --json | jq '.checks[] | select(.status == "failed")'

✓ ok   ! warning   ✗ failed   – skipped
Below each ! and ✗ is the fix to paste.
Exits with 0 if there is no ✗, 2 if the configuration is invalid, otherwise 4.
`,
    )
    .action(doctor)
}

async function doctor({ json, ...options }: Options): Promise<void> {
  const { diagnose } = await import('#doctor/diagnose.ts')
  const { report, isConfigured } = await diagnose(options)
  const text = json ? JSON.stringify(report) : rendered(report)
  // A server that hangs may still hold connections, which are not waited for.
  const code = report.ok ? exitCode.done : isConfigured ? exitCode.checkFailed : exitCode.usage
  process.stdout.write(`${text}\n`, () => {
    if (!json) console.error(summary(report))
    process.exit(code)
  })
}

const marks = {
  ok: { mark: '✓', style: 'green' },
  warning: { mark: '!', style: 'yellow' },
  failed: { mark: '✗', style: 'red' },
  skipped: { mark: '–', style: 'dim' },
} as const

/** `styleText` respects the terminal and NO_COLOR. */
function rendered({ checks }: DoctorReport): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  return checks.flatMap((check) => linesOf(check, width)).join('\n')
}

function linesOf({ name, status, detail, fix }: ReportedCheck, width: number): string[] {
  const { mark, style } = marks[status]
  const line = `${styleText(style, mark)} ${name.padEnd(width)}  ${detail.replaceAll(/\s*\n\s*/g, ' ')}`
  return [line, ...(fix?.split('\n').map((one) => `    ${styleText('cyan', one)}`) ?? [])]
}

function summary({ checks }: DoctorReport): string {
  const count = (status: ReportedCheck['status']) => checks.filter((check) => check.status === status).length
  return `${count('ok')} ✓  ${count('warning')} !  ${count('failed')} ✗  ${count('skipped')} –`
}
