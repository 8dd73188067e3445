import type { Condition } from '#pipeline/mapping/mapping.ts'
import { pathText } from '#pipeline/mapping/path.ts'

/** As a person would say it: `op = "D" and not (id exists)`. */
export function conditionText(condition: Condition): string {
  switch (condition.kind) {
    case 'in': {
      const [first, ...others] = condition.values.map(({ json }) => json)
      const path = pathText(condition.path)
      return others.length === 0 ? `${path} = ${first}` : `${path} in ${[first, ...others].join(', ')}`
    }
    case 'exists':
      return `${pathText(condition.path)} exists`
    case 'not':
      return `not (${conditionText(condition.condition)})`
    case 'all':
    case 'any': {
      const word = condition.kind === 'all' ? ' and ' : ' or '
      return condition.conditions.map((one) => withBrackets(one)).join(word)
    }
  }
}

function withBrackets(condition: Condition): string {
  const isSeveral = condition.kind === 'all' || condition.kind === 'any'
  return isSeveral && condition.conditions.length > 1
    ? `(${conditionText(condition)})`
    : conditionText(condition)
}
