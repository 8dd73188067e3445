// Completes package-lock.json with the platform packages that the registry in use did not offer.
//
// A registry mirror may hold no binaries for platforms it does not serve. npm then leaves those optional
// packages out of the lock file, and `npm ci` refuses that file on every machine ("Missing: … from lock
// file"). Their versions stand in the parent's optionalDependencies and their platforms in their names, so the
// entries can be written without the registry; a machine of such a platform still fetches them as usual.
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
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`package-lock.json: ${added} platform packages added`)
