// Exits with 0 if what package-lock.json requires on this machine is installed: then `npm ci`, which would empty
// node_modules below whatever runs and takes a minute, is not needed. Git gives a file a new time without a change.
import { readFileSync } from 'node:fs'

const read = (file) => JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')).packages

let installed
try {
  installed = read('node_modules/.package-lock.json')
} catch {
  process.exit(1)
}
const isThere = ([path, { version, integrity, optional }]) => {
  const found = installed[path]
  // Those of other platforms are optional.
  if (found === undefined) return optional === true
  return found.version === version && (found.integrity ?? integrity) === integrity
}
// The workspace's own packages come with the checkout, and nothing in it imports them through their links.
const wanted = Object.entries(read('package-lock.json')).filter(
  ([path, { link }]) => path.includes('node_modules/') && !link,
)
process.exit(wanted.every(isThere) ? 0 : 1)
