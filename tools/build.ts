// `make build`: dist/ is this tree in JavaScript, laid out the same way, so that what finds a file by its path finds
// it there as well. Compiled files import each other by the same names (`#core/finding.ts`): the package.json in
// dist/, which is the nearest to them, leads those to JavaScript.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
for (const asset of assets()) copy(asset)
copy('db/migrations')
writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`)

/** What programs read at run time and the compiler leaves out: files of any other kind beside what it compiled. */
function assets(): string[] {
  const compiled = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.js'),
  )
  // What stands beside another package.json is that package's own business.
  const folders = [...new Set(compiled.map((file) => dirname(file)))].filter(
    (folder) => !existsSync(join(root, folder, 'package.json')),
  )
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\.(ts|md)$/.test(entry.name))
      .map(({ name }) => join(folder, name)),
  )
}

function copy(path: string): void {
  mkdirSync(dirname(join(dist, path)), { recursive: true })
  cpSync(join(root, path), join(dist, path), { recursive: true })
}

function manifest(): object {
  const { name, version, type, imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly name: string
    readonly version: string
    readonly type: string
    readonly imports: Readonly<Record<string, string>>
  }
  const compiled = Object.entries(imports).map(([from, to]) => [from, to.replace(/\.ts$/, '.js')] as const)
  for (const [from, to] of compiled) {
    const folder = dirname(to.replace('*', '_'))
    if (!existsSync(join(dist, folder))) throw new Error(`${from}: nothing was compiled into ${folder}`)
  }
  return { name, version, type, imports: Object.fromEntries(compiled) }
}
