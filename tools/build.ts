// `make build`: dist/ is this tree in JavaScript, laid out the same way, so that what finds a file by its path finds
// it there as well. The names by which modules import each other (`#core/finding.ts`) lead to sources, so compiled
// files get relative paths in their place.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly type: string
  /** `#core/*.ts` to `./src/core/*.ts` */
  readonly imports: Readonly<Record<string, string>>
}

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const { name, version, type, imports } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
) as Manifest

rmSync(dist, { recursive: true, force: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
const compiled = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.(js|d\.ts)$/.test(file),
)
for (const file of compiled) {
  const text = readFileSync(join(dist, file), 'utf8')
  writeFileSync(join(dist, file), withRelativeImports(text, dirname(file)))
}
for (const asset of assets()) copy(asset)
copy('db/migrations')
writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ name, version, type }, null, 2)}\n`)

function withRelativeImports(text: string, folder: string): string {
  return text.replaceAll(/(?<=['"])(#[\w-]+\/)([^'"*]+)\.ts(?=['"])/g, (_, module: string, path: string) => {
    const pattern = imports[`${module}*.ts`]
    if (pattern === undefined) throw new Error(`package.json has no import ${module}*.ts`)
    const target = relative(folder, pattern.replace('*', path)).replace(/\.ts$/, '.js')
    return target.startsWith('.') ? target : `./${target}`
  })
}

/** What programs read at run time and the compiler leaves out: files of any other kind beside what it compiled. */
function assets(): string[] {
  // What stands beside another package.json is that package's own business.
  const folders = [...new Set(compiled.map((file) => dirname(file)))].filter(
    (folder) => !existsSync(join(root, folder, 'package.json')),
  )
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\.(ts|md)$/.test(entry.name))
      .map((entry) => join(folder, entry.name)),
  )
}

function copy(path: string): void {
  mkdirSync(dirname(join(dist, path)), { recursive: true })
  cpSync(join(root, path), join(dist, path), { recursive: true })
}
