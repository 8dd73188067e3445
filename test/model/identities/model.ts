import type { Model, StepKind } from '../explore.ts'
import { isCommitted, isInBatch } from './batch.ts'
import type { Design } from './designs.ts'
import { Layout } from './layout.ts'
import { pack, packedWidth, unpack } from './packed-state.ts'
import type { Story } from './scenario.ts'
import { horizon } from './scenario.ts'
import type { Hands, IdentityRow, State } from './state.ts'
import { copyState, noState, places } from './state.ts'
import { heldBy, isPublished, Steps } from './steps.ts'

/**
 * - `promises`: all of them, in every state
 * - `loss`: only that something is counted twice, or lost when everything is over, which is what users notice
 */
export type Demand = 'promises' | 'loss'

/** Two replicas and PostgreSQL, and what is to be summed up or appended. */
export function identitiesModel(story: Story, design: Design, demand: Demand = 'promises'): Model<State> {
  const layout = new Layout(story, design)
  const steps = new Steps(story, design, layout)
  const isPromised = demand === 'promises'
  let toDoBefore = 0
  return {
    width: packedWidth,
    initial: noState,
    copy: copyState,
    pack,
    unpack,
    steps(state, take) {
      toDoBefore = toDo(story, layout, state)
      steps.from(state, take)
    },
    brokenBy: (state) => (isPromised ? brokenPromise(story, state) : undefined) ?? lossIn(story, state),
    brokenByStep: (_, after, kind) =>
      isPromised ? brokenByStep(kind, () => toDo(story, layout, after) - toDoBefore) : undefined,
    isSettled: (state) => !isPromised || isSettled(story, state),
    show: (state) => show(story, layout, state),
  }
}

function brokenPromise(story: Story, state: State): string | undefined {
  for (const row of state.rows)
    if (isCommitted(row) && state.effects[row.content - 1] === 0)
      return 'an identity is committed without its effect'
  for (const [message, { records }] of story.published.entries())
    if (state.acked & (1 << message) && !records.every((record) => isJustified(story, state, record)))
      return 'acked without a committed fact'
  return undefined
}

function lossIn(story: Story, state: State): string | undefined {
  if (isAnyTwice(story, state)) return 'counted twice'
  if (state.overcounted > 0) return 'written is more than was applied'
  if (!isSettled(story, state)) return undefined
  const isLost = story.records.some(
    ({ message }, record) => isPublished(story, state, message) && !isJustified(story, state, record),
  )
  return isLost ? 'lost' : undefined
}

function isAnyTwice({ contents, identities }: Story, { effects }: State): boolean {
  return identities.some((_, identity) => {
    let times = 0
    for (const [i, content] of contents.entries())
      if (content.identity === identity) times += effects[i] as number
    return times > 1
  })
}

/** It is applied, or a dead letter that says the truth stands for it. */
function isJustified(story: Story, state: State, record: number): boolean {
  const { message, identity, content } = story.records[record] as Story['records'][number]
  if ((state.effects[content] as number) > 0) return true
  const bit = 1 << message
  if (state.refused & bit) return true
  const { isRequest, day, identityDay } = story.published[message] as Story['published'][number]
  const isOld = (isRequest ? day : identityDay) < state.day - horizon
  if (state.tooOld & bit && isOld) return true
  const isOtherApplied = story.contents.some(
    (other, i) => i !== content && other.identity === identity && (state.effects[i] as number) > 0,
  )
  return (state.reused & bit) !== 0 && isOtherApplied
}

function brokenByStep(kind: StepKind, more: () => number): string | undefined {
  return kind === 'progress' && more() >= 0 ? 'progress brings nothing nearer' : undefined
}

function isSettled(story: Story, state: State): boolean {
  if (state.orphan !== 0 || heldBy(story, state, 0) !== 0 || heldBy(story, state, 1) !== 0) return false
  return story.published.every(
    (_, message) => !isPublished(story, state, message) || (state.acked & (1 << message)) !== 0,
  )
}

/**
 * At most how far it is to the end. Each step of progress makes it less, so once faults have ended, everything settles.
 */
function toDo(story: Story, layout: Layout, state: State): number {
  const unheld = ~(state.acked | heldBy(story, state, 0) | heldBy(story, state, 1))
  let work = Math.sign(state.orphan)
  for (const [message, { records }] of story.published.entries())
    if (unheld & (1 << message) && isPublished(story, state, message)) work += 30 * records.length
  for (const [replica, hands] of state.hands.entries())
    for (const record of story.records.keys()) work += workOf(layout, state, hands, replica + 1, record)
  return work
}

function workOf(layout: Layout, state: State, hands: Hands, me: number, record: number): number {
  const place = hands.places[record] as number
  if (place === places.waits) return 24
  if (!isInBatch(hands, record)) return place === places.none ? 0 : place === places.done ? 3 : 5
  // It will have to wait again: all of its batch, if its partition is gone; else if what stood under its identity is.
  const isGone = layout.isPartitionGone(state, record)
  const { content, owner } = layout.row(state, record)
  const isUnseen = content === 0 || (owner !== 0 && owner !== me)
  const isRemoved = hands.at > 1 && place === places.batch && isUnseen
  return 20 - hands.at + (isGone ? 40 : 0) + (isRemoved ? 30 : 0)
}

function show(story: Story, layout: Layout, state: State): string {
  const keys = [...new Set(story.contents.map(({ key }) => key))]
  const sums = keys.map((key) => {
    const sum = story.contents.reduce(
      (total, content, i) => total + (content.key === key ? content.value * (state.effects[i] as number) : 0),
      0,
    )
    return `${key} = ${sum}`
  })
  const rows = layout.rowNames.filter((_, row) => isCommitted(state.rows[row] as IdentityRow))
  const acked = story.published.flatMap(({ name }, message) => (state.acked & (1 << message) ? [name] : []))
  const words = [
    (story.midnights ?? 0) > 0 && `day ${state.day}`,
    ...sums,
    `identities: ${rows.join(' and ') || 'none'}`,
    `acked: ${acked.join(' and ') || 'nothing'}`,
  ]
  return words.filter((word) => word !== false).join(', ')
}
