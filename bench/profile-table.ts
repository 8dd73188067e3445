// What a CPU profile of V8 says, by package and by function. https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile
import type { Sheet } from './report.ts'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  /** In µs, of the monotonic clock. */
  readonly startTime: number
  readonly samples: readonly number[]
  /** In µs since the one before. */
  readonly timeDeltas: readonly number[]
}

/** Self time of one function, in µs. */
interface SelfTime {
  readonly name: string
  readonly owner: string
  readonly place: string
  us: number
}

const idle = '(idle)'
/** What V8 itself is at, by the name of its frame. */
const ofEngine = new Map([
  ['(garbage collector)', 'garbage collection'],
  ['(program)', 'native code outside of JavaScript'],
])

/** Whose function it is: an npm package, `node:`, a module of ours, or V8. */
export function ownerOf(url: string, functionName: string): string {
  const own = ofEngine.get(functionName)
  if (own) return own
  if (url === '') return 'built-in functions'
  if (url.startsWith('node:')) return url.startsWith('node:internal/deps/') ? 'node: (bundled)' : 'node:'
  const [, , dependency] = /^(.*)\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
  if (dependency) return dependency
  const [, module] = /\/((?:src|cmd)\/[^/]+)\//.exec(url) ?? []
  return module ?? 'other'
}

/** Self times in the part of the profile between two moments of the monotonic clock, in µs. */
export function selfTimes(profile: CpuProfile, fromUs: number, toUs: number): SelfTime[] {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]))
  const times = new Map<string, SelfTime>()
  let at = profile.startTime
  for (const [i, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[i] ?? 0
    at += us
    const frame = byId.get(id)?.callFrame
    if (!frame || at < fromUs || at > toUs || frame.functionName === idle) continue
    const { functionName, url, lineNumber } = frame
    const place = url === '' ? '' : `${shortPath(url)}:${lineNumber + 1}`
    const name = functionName || '(anonymous)'
    const known = times.get(`${name} ${place}`)
    if (known) known.us += us
    else times.set(`${name} ${place}`, { name, owner: ownerOf(url, functionName), place, us })
  }
  return [...times.values()].sort((a, b) => b.us - a.us)
}

/** From the package or the project's folder on. */
function shortPath(url: string): string {
  const inPackage = url.lastIndexOf('/node_modules/')
  if (inPackage >= 0) return url.slice(inPackage + '/node_modules/'.length)
  return url.startsWith('node:') ? url : url.replace(/^.*\/(?=(src|cmd)\/)/, '')
}

const share = (us: number, all: number) => `${((us / all) * 100).toFixed(1)}%`
const sumOf = (times: readonly SelfTime[]) => times.reduce((sum, { us }) => sum + us, 0)
const milliseconds = (us: number) => Math.round(us / 1000).toLocaleString('en')

export function packageSheet(times: readonly SelfTime[]): Sheet {
  const all = sumOf(times)
  const owners = [...Map.groupBy(times, ({ owner }) => owner)]
    .map(([owner, own]) => ({ owner, us: sumOf(own) }))
    .sort((a, b) => b.us - a.us)
  return {
    head: ['whose', 'ms', 'share'],
    rows: owners.map(({ owner, us }) => [owner, milliseconds(us), share(us, all)]),
  }
}

/** Of a name, which some libraries make from a whole signature. */
const longestName = 60
const shortened = (name: string) => (name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name)

export function functionSheet(times: readonly SelfTime[], most: number): Sheet {
  const all = sumOf(times)
  return {
    head: ['function', 'ms', 'share', 'where'],
    rows: times
      .slice(0, most)
      .map(({ name, owner, place, us }) => [
        shortened(name),
        milliseconds(us),
        share(us, all),
        shortened(place || owner),
      ]),
  }
}
