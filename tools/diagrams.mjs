// Renders diagrams/*.dot to SVG beside them: `node tools/diagrams.mjs [--check] [folder]`.
//
// With `--check` nothing is written: it exits with 1 where a picture is not what its source renders to, lacks its
// source, or is lacking itself. The look of all of them stands here, once. A source is DOT with three liberties:
//
// - the comment that it begins with is for screen readers: the title in its first line, the description in the rest
// - a node's or an arrow's `class` is one of the list below; of any node but a `text` the first line is set in bold
// - `name [class=word pos="x,y" label="…"]` is a word beside an arrow
//
// Positions are in points, upwards.
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Graphviz } from '@hpcc-js/wasm-graphviz'

const ink = '#1f2328'
const faint = '#59636e'
const line = '#6e7781'
const font = 'Helvetica, Arial, sans-serif'
/** One that runs wider than most: what it has room for fits in whatever a reader's machine has. */
const measuredFont = 'DejaVu Sans'

const box = `shape=box style="rounded,filled" fontcolor="${ink}"`
const classes = {
  step: `${box} fillcolor="#f6f8fa" color="#8c959f"`,
  /** An external server. */
  outside: `${box} fillcolor="#ddf4ff" color="#0969da"`,
  store: `shape=cylinder style=filled fontcolor="${ink}" fillcolor="#ddf4ff" color="#0969da"`,
  /** Justified by a commit. */
  fact: `${box} fillcolor="#dafbe1" color="#1a7f37"`,
  /** Waits, and loses nothing. */
  wait: `${box} fillcolor="#fff8c5" color="#9a6700"`,
  /** Not stored in the table, or nacked. */
  bad: `${box} fillcolor="#ffebe9" color="#cf222e"`,
  /** Words without a frame. */
  text: `shape=box style="" color=transparent fontcolor="${faint}"`,
  /** An arrow that only a commit sets off. */
  committed: 'color="#1a7f37" penwidth=1.6',
}

// Everything stands where its source puts it; Graphviz fits the boxes to their words and draws the arrows.
const look = `
  graph [layout=nop splines=ortho bgcolor=transparent pad=0.25 style=rounded color="#d0d7de"
         fontname="${measuredFont}" fontsize=12 fontcolor="${faint}"]
  node [${classes.step} penwidth=1.1 margin="0.13,0.09" height=0.4 fontname="${measuredFont}" fontsize=12.5]
  edge [color="${line}" penwidth=1.2 arrowsize=0.7 fontname="${measuredFont}" fontsize=12 fontcolor="${faint}"]`

/** Beside an arrow: as the caption of an invisible cluster, since arrows walk around nodes. */
const word = (name, x, y, label) =>
  `subgraph cluster_${name} { bb="${x},${y},${x},${y}" lp="${x},${y}" label="${label}" pencolor=transparent }`

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const styled = (name) => {
  if (!Object.hasOwn(classes, name))
    throw new Error(`class=${name}: not one of ${Object.keys(classes).join(', ')}`)
  return `class=${name} ${classes[name]}`
}

const dressed = (source) =>
  source
    .replace('{', `{${look}`)
    .replace(/(\w+) +\[class=word pos="(\d+),(-?\d+)" label="([^"]*)"\]/g, (_, ...parts) => word(...parts))
    .replace(/\bclass=(\w+)/g, (_, name) => styled(name))

const spoken = (source) => {
  const [comment = ''] = /^(?:\/\/ .*\n)+/.exec(source) ?? []
  const [title, ...description] = comment.split('\n').map((each) => each.slice(3).trim())
  if (!title || !description[0])
    throw new Error('it must begin with a comment: a line of title, then a description')
  return { title: escaped(title), description: escaped(description.join(' ').trim()) }
}

/** A node with its first line in bold, and the others faint. */
const withHeading = (node) => {
  const [shape, heading, ...notes] = node.split('<text ')
  const faintNotes = notes.map((note) => `<text ${note.replace(`fill="${ink}"`, `fill="${faint}"`)}`)
  return [shape, `<text font-weight="bold" ${heading}`, ...faintNotes].join('')
}

/** Where boxes touch, Graphviz silently draws straight lines across them. */
const demandRightAngles = (svg) => {
  for (const [, name, path] of svg.matchAll(
    /class="edge[^>]*>\n<title>(.*?)<\/title>\n<path [^>]* d="M([^"]*)"/g,
  )) {
    const points = path.split(/[C ]/).map((point) => point.split(',').map(Number))
    const slanting = points.slice(1).some(([x, y], i) => x !== points[i][0] && y !== points[i][1])
    if (slanting) throw new Error(`the arrow ${name.replace('&#45;&gt;', ' -> ')} slants: move boxes apart`)
  }
}

/** The same bytes on every machine and for every version of Graphviz that places things the same way. */
const render = (graphviz, source) => {
  const { title, description } = spoken(source)
  const svg = graphviz.layout(dressed(source), 'svg', 'dot')
  demandRightAngles(svg)
  const [, width, height] = /<svg width="([\d.]+)pt" height="([\d.]+)pt"/.exec(svg)
  const drawing = svg
    .slice(svg.indexOf('<g '), svg.lastIndexOf('</svg>'))
    .replace(/<!--.*?-->\n?/gs, '')
    .replace(/<title>.*?<\/title>\n?/gs, '')
    .replace(/<g id="\S+" class="node(?! text)[^"]*">.*?<\/g>/gs, withHeading)
    .replaceAll(`font-family="${measuredFont}"`, `font-family="${font}"`)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      'role="img" aria-labelledby="title description">',
    `<title id="title">${title}</title>`,
    `<desc id="description">${description}</desc>`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="#ffffff" stroke="#d0d7de"/>`,
    `${drawing}</svg>\n`,
  ].join('\n')
}

const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true })
const folder = resolve(positionals[0] ?? join(import.meta.dirname, '../diagrams'))
const graphviz = await Graphviz.load()
const names = globSync('*.dot', { cwd: folder })
  .map((file) => basename(file, '.dot'))
  .sort()
const faults = globSync('*.svg', { cwd: folder })
  .filter((file) => !names.includes(basename(file, '.svg')))
  .map((file) => `${file} has no source beside it: remove it, or add the source`)

for (const name of names) {
  const picture = join(folder, `${name}.svg`)
  try {
    const svg = render(graphviz, readFileSync(join(folder, `${name}.dot`), 'utf8'))
    if (!values.check) writeFileSync(picture, svg)
    else if (!existsSync(picture))
      faults.push(`${name}.svg is not there: run \`make diagrams\` and commit it`)
    else if (readFileSync(picture, 'utf8') !== svg)
      faults.push(`${name}.svg is not what ${name}.dot says: run \`make diagrams\` and commit it`)
  } catch (error) {
    faults.push(`${name}.dot: ${error.message}`)
  }
}
for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
