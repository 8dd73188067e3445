import { InvalidArgumentError } from 'commander'

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
