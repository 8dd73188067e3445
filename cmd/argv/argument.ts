import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { parseWhole } from '#config/values.ts'

/** Makes a parser of values one of option arguments: commander names the option and adds the parser's message. */
export function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? `It ${error.message}.` : '')
    }
  }
}

/** Takes an option as often as it is given. */
export const collected = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  text,
]

/** Takes whole numbers from the least to the greatest. */
export const whole = (least: number, greatest?: number) =>
  argument((text) => parseWhole(text, least, greatest))

/** Parts of the generated messages, in per cent. */
interface Shares {
  readonly duplicates: number
  readonly late: number
  readonly poison: number
}

/** Ends the command with a message where there is more than all of it. */
export function checkShares(command: Command, { duplicates, late, poison }: Shares): void {
  if (duplicates + late + poison > 100) {
    command.error('error: --duplicates, --late and --poison add up to more than 100')
  }
}
