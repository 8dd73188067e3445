import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Environment } from '#config/environment.ts'
import { UnreachableError } from '#core/command-error.ts'
import { askStatus, askToStop } from '#stack/control.ts'
import type { ControlPlace } from '#stack/control-place.ts'
import { openPlace } from '#stack/control-place.ts'
import { logOf, placeFor, withSocketErrors } from './place.ts'
import type { StackStatus } from './status.ts'
import { endedServices } from './status.ts'

/**
 * Starts a stack in the background, or finds the one that runs; one that has lost a service is replaced. It keeps running
 * when this process ends.
 *
 * @param report takes progress lines: ports that are not the usual ones, what is missing, what was replaced
 * @throws UnreachableError with its last log lines if it fails to start; ConfigurationError
 */
export async function stackUpDetached(
  environment: Environment,
  report: (line: string) => void,
): Promise<StackStatus> {
  const place = await placeFor('stack', environment)
  const running = await statusAt(place)
  if (running) {
    const ended = endedServices(running)
    if (ended.length === 0) {
      report(`it has been running since ${running.since}, pid ${running.pid}`)
      return running
    }
    for (const { name, ended: how } of ended) report(`${name} had exited unexpectedly: ${how}`)
    report('replacing that stack; its data is gone')
    await askToStop(place)
  }
  return startInBackground(place, report)
}

/** Ends the stack that runs in the background; false if there is none. */
export async function stackDown(environment: Environment): Promise<boolean> {
  const place = await placeFor('stack', environment)
  return withSocketErrors(() => askToStop(place))
}

/** What runs of this folder, the one in the background first; a demo's is for others to look at, too. */
export async function stacksOf(environment: Environment): Promise<StackStatus[]> {
  const places = await Promise.all((['stack', 'demo'] as const).map((who) => placeFor(who, environment)))
  return (await Promise.all(places.map(statusAt))).filter((status) => status !== undefined)
}

async function statusAt(place: ControlPlace): Promise<StackStatus | undefined> {
  return (await withSocketErrors(() => askStatus(place))) as StackStatus | undefined
}

async function startInBackground(place: ControlPlace, report: (line: string) => void): Promise<StackStatus> {
  await withSocketErrors(() => openPlace(place))
  // Two may start at once, and only one of them gets the place: each has a log of its own until it is known which.
  const ownLog = join(place.folder, `stack-${process.pid}.log`)
  const log = openSync(ownLog, 'w', 0o600)
  // The program that runs, as it was started: from sources as well as from an installed package.
  const [node, program] = process.argv as [string, string]
  const child = spawn(node, [...process.execArgv, program, 'stack', 'up', '--json'], {
    detached: true,
    stdio: ['ignore', 'pipe', log],
  })
  closeSync(log)
  const stdout = child.stdout as Readable
  const ended = once(child, 'close').then(() => undefined)
  const line = await Promise.race([once(createInterface({ input: stdout }), 'line'), ended])
  const words = (await readFile(ownLog, 'utf8')).trim().split('\n')
  if (line) {
    await rename(ownLog, logOf(place))
    for (const word of words) report(word)
    stdout.destroy()
    child.unref()
    return JSON.parse(String(line[0])) as StackStatus
  }
  const winner = await statusAt(place)
  if (winner) {
    await rm(ownLog)
    report('another stack was started at the same time; using that one')
    return winner
  }
  await rename(ownLog, logOf(place))
  const last = words.slice(-10).join('\n')
  throw new UnreachableError(`the stack failed to start; last log lines:\n${last}\nfull log: ${logOf(place)}`)
}
