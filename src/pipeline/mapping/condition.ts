import { textOf } from '../json/values.ts'
import { JsonScanner } from '../json/scanner.ts'
import { valueKinds } from '../json/syntax.ts'
import { canonicalDecimal, parseDecimal } from '../values/decimal.ts'
import type { Condition, Constant, Path, TextPath } from './mapping.ts'
import type { Message, Metadata, Place, Places } from './message.ts'
import { isMetadata, metadataText } from './metadata.ts'

/** Whether a condition holds of the record that was scanned last. */
export type Test = (message: Message) => boolean

/** Made in two steps, since places are known only once all are asked for. */
export function conditionTest(condition: Condition, places: Places): () => Test {
  switch (condition.kind) {
    case 'not': {
      const make = conditionTest(condition.condition, places)
      return () => {
        const test = make()
        return (message) => !test(message)
      }
    }
    case 'all':
    case 'any': {
      const makers = condition.conditions.map((one) => conditionTest(one, places))
      const isAll = condition.kind === 'all'
      return () => {
        const tests = makers.map((make) => make())
        return (message) =>
          isAll ? tests.every((test) => test(message)) : tests.some((test) => test(message))
      }
    }
    case 'exists':
      return existenceTest(condition.path, places)
    case 'in':
      return equalityTest(condition.path, condition.values, places)
  }
}

function existenceTest(path: Path, places: Places): () => Test {
  if (path.from === 'data')
    return () =>
      ({ from, to }) =>
        to > from
  if (isMetadata(path))
    return () =>
      ({ delivery }) =>
        metadataText(path, delivery) !== undefined
  const find = places.add(path)
  return () => {
    const { scanner, at } = find()
    return () => isThere(scanner.kinds[at])
  }
}

function isThere(kind: number | undefined): boolean {
  return kind !== valueKinds.missing && kind !== valueKinds.blocked
}

function equalityTest(path: Path, values: readonly Constant[], places: Places): () => Test {
  if (path.from === 'data') return () => () => false
  if (isMetadata(path)) {
    const texts = new Set(values.flatMap(asText))
    return () => (message) => hasText(texts, path, message.delivery)
  }
  const find = places.add(path)
  return () => {
    const place = find()
    const tests = values.map((value) => valueTest(value, place))
    return (message) => tests.some((test) => test(message))
  }
}

function hasText(texts: ReadonlySet<string>, path: TextPath, delivery: Metadata): boolean {
  const text = metadataText(path, delivery)
  return text !== undefined && texts.has(text)
}

/** What comes with a message is text, so a number is the one that it is written with; and null is none. */
function asText({ json }: Constant): string[] {
  if (json === 'null') return []
  return [json.startsWith('"') ? (JSON.parse(json) as string) : json]
}

function valueTest({ json }: Constant, { scanner, at }: Place): Test {
  const { kinds, starts, ends } = scanner
  const bytes = Buffer.from(json)
  const constant = new JsonScanner([[]])
  constant.scan(bytes, 0, bytes.length)
  const wanted = constant.kinds[0] ?? valueKinds.missing
  const read = (message: Message) =>
    textOf(message.bytes, kinds[at] as number, starts[at] as number, ends[at] as number)
  if (wanted === valueKinds.plainText || wanted === valueKinds.text) {
    const text = JSON.parse(json) as string
    return (message) => isText(kinds[at]) && read(message) === text
  }
  if (wanted === valueKinds.number) {
    const value = valueOf(json)
    return (message) =>
      kinds[at] === valueKinds.number &&
      valueOf(message.bytes.toString('latin1', starts[at], ends[at])) === value
  }
  return () => kinds[at] === wanted
}

function isText(kind: number | undefined): boolean {
  return kind === valueKinds.plainText || kind === valueKinds.text
}

/** One text for all spellings of a number. */
function valueOf(number: string): string {
  const decimal = parseDecimal(number)
  return decimal ? canonicalDecimal(decimal) : number
}
