// What a public repository has, and that its parts say the same: package.json, changelog, workflows, license.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { projectDir } from '../support/program.ts'

interface Workflow {
  readonly jobs: Readonly<Record<string, Job>>
}

interface Job {
  readonly uses?: string
  readonly needs?: string
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly (string | number)[]>> }
  readonly permissions?: object
  readonly steps?: readonly { readonly uses?: string; readonly run?: string }[]
}

const read = (file: string) => readFileSync(join(projectDir, file), 'utf8')
const project = JSON.parse(read('package.json')) as {
  version: string
  license: string
  private?: boolean
  engines: { node: string }
}
const workflow = (name: string) => parse(read(`.github/workflows/${name}.yml`)) as Workflow
const linesOf = ({ steps = [] }: Job) => steps.flatMap(({ run }) => run?.trim().split('\n') ?? [])

describe('package.json', () => {
  test('names the license that the repository has', () => {
    expect(project.license).toBe('Apache-2.0')
    expect(read('LICENSE')).toMatch(/^\s+Apache License\s+Version 2\.0, January 2004\n/)
  })

  test('names the Node.js that programs and doctor require', () => {
    const [, least] = /^>=(\d+)$/.exec(project.engines.node) ?? []
    expect(read('bin/project-node')).toContain(`\nleast=${least}\n`)
    expect(read('src/doctor/diagnose.ts')).toContain(`leastNodeMajor = ${least}\n`)
  })
})

test('the changelog has a dated section for this version, with the headings of Keep a Changelog', () => {
  const changelog = read('CHANGELOG.md')
  const versions = [...changelog.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title)
  const [unreleased, ...released] = versions
  expect(unreleased).toBe('Unreleased')
  for (const title of released) expect(title).toMatch(/^\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}$/)
  expect(released[0]).toMatch(new RegExp(`^${RegExp.escape(project.version)} - `))
  for (const [, part] of changelog.matchAll(/^### (.+)$/gm)) {
    expect(part).toMatch(/^(Added|Changed|Deprecated|Removed|Fixed|Security)$/)
  }
})

describe('CI', () => {
  const { jobs } = workflow('ci')

  test('runs .ci/run on Linux and macOS', () => {
    const job = jobs['test'] as Job
    expect(linesOf(job)).toContain('.ci/run')
    expect(job.strategy?.matrix['os']?.map((os) => String(os).replace(/-.*/, ''))).toEqual([
      'ubuntu',
      'macos',
    ])
    expect(read('.ci/run')).toMatch(/^for target in check test; do$/m)
  })

  test('installs the package into an empty folder under each supported Node.js', () => {
    const job = jobs['package'] as Job
    expect(job.strategy?.matrix['node']?.[0]).toBe(Number(project.engines.node.slice(2)))
    expect(linesOf(job)).toContain('npx ingester demo --for 10s --json')
  })

  test('does at night what takes too long for each commit', () => {
    expect(Object.values(workflow('nightly').jobs).flatMap(linesOf)).toContain('make test-long')
  })

  test('precedes a release, which nothing publishes to a package registry', () => {
    const release = workflow('release').jobs
    expect(release['test']?.uses).toBe('./.github/workflows/ci.yml')
    for (const name of ['package', 'image']) expect(release[name]?.needs).toBe('test')
    expect(Object.values(release).flatMap(linesOf).join('\n')).not.toContain('npm publish')
  })

  test('pins each action to a major version, and grants a job only the permissions that it needs', () => {
    for (const name of ['ci', 'release', 'nightly']) {
      const text = read(`.github/workflows/${name}.yml`)
      expect(text).toMatch(/^permissions:\n {2}contents: read\n\n/m)
      const actions = Object.values(workflow(name).jobs).flatMap(({ steps = [] }) => steps)
      for (const { uses } of actions) if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+$/)
    }
  })
})

test('no document invents an address: reports go to the repository itself', () => {
  for (const file of ['CONTRIBUTING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md']) {
    expect(read(file)).not.toMatch(/\b[\w.]+@[\w-]+\.\w+/)
  }
  for (const file of ['SECURITY.md', 'CODE_OF_CONDUCT.md'])
    expect(read(file)).toContain('**Report a vulnerability**')
})

// It is another one where the package is installed; completion scripts serve both.
test('no text of the program contains bin/ingester: it uses programName', () => {
  const files = globSync('{src,cmd}/**/*.ts', { cwd: projectDir, exclude: ['**/*.test.ts'] })
  expect(files.length).toBeGreaterThan(200)
  const lines = files.flatMap((file) =>
    read(file)
      .split('\n')
      .filter((line) => line.includes('bin/ingester') && !/^\s*(\/?\*|\/\/)/.test(line)),
  )
  expect(lines).toEqual([
    expect.stringContaining('It completes after ingester, bin/ingester and any other path'),
    expect.stringContaining('export const programName'),
  ])
})
