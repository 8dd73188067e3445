import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { projectDir } from '../support/program.ts'

const diagrams = join(projectDir, 'diagrams')
const names = readdirSync(diagrams).filter((file) => file.endsWith('.dot'))

const draw = (...args: string[]) =>
  new Promise<{ code: number; output: string }>((done) => {
    const program = join(projectDir, 'tools/diagrams.mjs')
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) =>
      done({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    )
  })

test('every diagram is what its source renders to, byte for byte, and none lacks its source', async () => {
  assert.ok(names.length > 0)
  assert.deepEqual(await draw('--check'), { code: 0, output: '' })
})

test('a diagram is readable in a README: at most 900 pixels wide, with a text alternative', () => {
  for (const name of names) {
    const svg = readFileSync(join(diagrams, name.replace('.dot', '.svg')), 'utf8')
    const width = Number(/^<svg [^>]*\bwidth="([\d.]+)"/.exec(svg)?.[1])
    assert.ok(width <= 900, `${name} is ${width} pixels wide`)
    for (const [, size] of svg.matchAll(/font-size="([\d.]+)"/g))
      assert.ok(Number(size) >= 12, `${name}: ${size}`)
    assert.match(svg, /<title id="title">[^<]+<\/title>\n<desc id="description">[^<]{80,}<\/desc>/, name)
    assert.ok(svg.endsWith('</svg>\n'), name)
  }
})

test('the pages show every diagram', () => {
  const pages = ['README.md', 'docs/ARCHITECTURE.md'].map((page) =>
    readFileSync(join(projectDir, page), 'utf8'),
  )
  for (const name of names) {
    const shown = new RegExp(`!\\[[^\\]]{20,}\\]\\((?:\\.\\./)?diagrams/${name.replace('.dot', '\\.svg')}\\)`)
    assert.ok(
      pages.some((page) => shown.test(page)),
      name,
    )
  }
})

describe('the check', () => {
  const source = '// A title\n// and a description.\ndigraph d { a [pos="0,0" label="first\\nthe rest"] }\n'
  let folder: string
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'diagrams-'))))
  afterAll(() => rmSync(folder, { recursive: true }))

  const one = (text: string) => writeFileSync(join(folder, 'one.dot'), text)
  /** What it says after a change to a folder that was in order. */
  const changed = async (change: () => void) => {
    one(source)
    assert.deepEqual(await draw(folder), { code: 0, output: '' })
    change()
    const { code, output } = await draw('--check', folder)
    return { code, output: output.trim() }
  }
  test('reports a source that was changed and not rendered again', async () => {
    const output = 'one.svg is not what one.dot says: run `make diagrams` and commit it'
    assert.deepEqual(await changed(() => one(source.replace('rest', 'other'))), { code: 1, output })
  })

  test('reports a source without its picture', async () => {
    const output = 'one.svg is not there: run `make diagrams` and commit it'
    assert.deepEqual(await changed(() => rmSync(join(folder, 'one.svg'))), { code: 1, output })
  })

  test('reports a picture without its source', async () => {
    const output = 'one.svg has no source beside it: remove it, or add the source'
    assert.deepEqual(await changed(() => rmSync(join(folder, 'one.dot'))), { code: 1, output })
  })

  test('reports what cannot be drawn', async () => {
    const { code, output } = await changed(() => {
      one(source.replace('// A title\n', ''))
      writeFileSync(join(folder, 'syntax.dot'), source.replace('}', ''))
      writeFileSync(join(folder, 'class.dot'), source.replace('label', 'class=nice label'))
      const touching = '; b [pos="9,9"]; c [pos="99,9"]; a -> c }'
      writeFileSync(join(folder, 'touching.dot'), source.replace(/\}\n$/, `${touching}\n`))
    })
    assert.equal(code, 1)
    assert.match(output, /^one\.dot: it must begin with a comment: /m)
    assert.match(output, /^syntax\.dot: syntax error in line/m)
    assert.match(output, /^class\.dot: class=nice: not one of step, /m)
    assert.match(output, /^touching\.dot: the arrow a -> c slants: move boxes apart$/m)
  })
})
