// Completes package-lock.json: the packages of other platforms, and the hash of every package.
//
// npm leaves optional packages of other platforms out of the lock file where a registry mirror holds no binaries for
// them, and `npm ci` refuses that file on every machine ("Missing: … from lock file"). Their versions stand in the
// parent's optionalDependencies and their platforms in their names, so the entries are written here. Without its
// hash (integrity) a package would be installed unchecked, whatever a registry serves: the registry in use is asked
// for those that are missing, and where it does not know one, nothing is written.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8'))
const names = {
  os: ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'],
  cpu: ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'],
}

/** The one of `known` that stands in a package's name as a word of its own: "cli-win32-x64" has cpu "x64". */
const platform = (name, known) => known.find((word) => new RegExp(`[-/]${word}(-|$)`).test(name))

const libc = (name) =>
  /musl/.test(name) ? ['musl'] : /linux.*(gnu|cli-linux|-(x64|arm64)$)/.test(name) ? ['glibc'] : undefined

let added = 0
for (const [path, parent] of Object.entries(lock.packages)) {
  if (path === '') continue
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const at = `node_modules/${name}`
    if (lock.packages[at] || lock.packages[`${path}/${at}`]) continue
    const os = platform(name, names.os)
    const arm = /arm-(gnu|musl)?eabi/.test(name) ? 'arm' : undefined
    const cpu = arm ?? platform(name, names.cpu)
    if (!cpu || !/^\d/.test(version))
      throw new Error(`${name}@${version}: neither in the lock file nor a platform package`)
    lock.packages[at] = {
      version,
      cpu: [cpu],
      ...(parent.dev ? { dev: true } : {}),
      ...(os === 'linux' && libc(name) ? { libc: libc(name) } : {}),
      license: parent.license,
      optional: true,
      ...(os ? { os: [os] } : {}),
    }
    added += 1
  }
}
/** The last part of a path is the package's name, unless it is an alias for another. */
const nameOf = (path, { name }) =>
  name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

/** @throws Error where the registry in use does not have it */
const integrityOf = (one) => {
  const text = execFileSync('npm', ['view', one, 'dist.integrity'], { encoding: 'utf8' }).trim()
  if (!/^sha512-[\w+/]{86}==$/.test(text)) throw new Error(`${one}: the registry has no SHA-512 of it`)
  return text
}

let hashed = 0
for (const [path, entry] of Object.entries(lock.packages)) {
  // The workspace's own packages, and the links to them, come with the checkout.
  if (!path.includes('node_modules/') || entry.link || entry.integrity) continue
  const { version, ...rest } = entry
  lock.packages[path] = { version, integrity: integrityOf(`${nameOf(path, entry)}@${version}`), ...rest }
  hashed += 1
}

lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`package-lock.json: ${added} platform packages and ${hashed} hashes added`)
