import assert from 'node:assert/strict'
import { test } from 'vitest'
import { VirtualScreen } from '../../test/support/virtual-screen.ts'
import { canMove, Screen } from './screen.ts'

function screenOn(terminal: VirtualScreen): Screen {
  return new Screen(terminal as unknown as NodeJS.WriteStream)
}

/** A view as wide and as high as it may be; the row below is the cursor's. */
const full = (name: string) => (size: { readonly columns: number; readonly rows: number }) =>
  Array.from({ length: size.rows - 1 }, (_, at) => `${name} ${at} `.padEnd(size.columns, '=')).join('\n')
const small = (name: string) => () => `${name} 1\n${name} 2`

test('output is above the view, which is drawn in place and removed at the end', () => {
  const terminal = new VirtualScreen(40, 10)
  const screen = screenOn(terminal)
  screen.say('first')
  screen.draw(small('view'))
  screen.say('second')
  screen.draw(() => 'other')
  assert.deepEqual(terminal.visible, ['first', 'second', 'other'])
  screen[Symbol.dispose]()
  assert.deepEqual(terminal.visible, ['first', 'second'])
  screen.say('third')
  assert.deepEqual(terminal.visible, ['first', 'second', 'third'])
})

for (const atResize of ['reflows', 'cuts'] as const) {
  test(`a resize leaves nothing stale, on a terminal that ${atResize} lines`, () => {
    const terminal = new VirtualScreen(120, 24, atResize)
    using screen = screenOn(terminal)
    screen.say('starting')
    screen.keep(`block ${'b'.repeat(84)}\nblock 2`)
    screen.draw(full('before'))
    for (const columns of [60, 120, 37, 200]) {
      terminal.resize(columns)
      const block = Math.ceil(90 / columns) + 1
      const view = full('before')({ columns, rows: 24 - block }).split('\n')
      assert.deepEqual(terminal.visible.slice(-view.length), view)
      const above = terminal.visible.slice(0, -view.length).join('')
      assert.equal(above, `block ${'b'.repeat(84)}block 2`)
      screen.draw(full('after'))
      assert.equal(terminal.visible.filter((row) => row.startsWith('before')).length, 0)
      screen.draw(full('before'))
    }
  })

  test(`a window that becomes lower and higher, on a terminal that ${atResize} lines`, () => {
    const terminal = new VirtualScreen(80, 30, atResize)
    using screen = screenOn(terminal)
    screen.say(Array.from({ length: 20 }, (_, at) => `said ${at}`).join('\n'))
    screen.draw(small('view'))
    for (const rows of [12, 5, 40]) {
      terminal.resize(80, rows)
      const said = Math.min(20, rows - 3)
      assert.deepEqual(terminal.visible, [
        ...Array.from({ length: said }, (_, at) => `said ${20 - said + at}`),
        'view 1',
        'view 2',
      ])
    }
  })
}

test('after Ctrl-Z and fg it is redrawn from scratch, without what the shell wrote', () => {
  const terminal = new VirtualScreen(60, 12)
  using screen = screenOn(terminal)
  screen.say('said')
  screen.draw(small('view'))
  terminal.write('^Z\n[1]+  Stopped   make demo\n$ fg\nmake demo\n')
  process.emit('SIGCONT')
  assert.deepEqual(terminal.visible, ['said', 'view 1', 'view 2'])
  screen.draw(small('next'))
  assert.deepEqual(terminal.visible, ['said', 'next 1', 'next 2'])
})

test('after the view has ended, nothing is redrawn', () => {
  const terminal = new VirtualScreen(60, 12)
  const screen = screenOn(terminal)
  const before = [terminal.listenerCount('resize'), process.listenerCount('SIGCONT')]
  screen.draw(small('view'))
  screen[Symbol.dispose]()
  assert.deepEqual([terminal.listenerCount('resize'), process.listenerCount('SIGCONT')], before)
})

test('pinned lines leave the view less room, unless that would make it useless', () => {
  const terminal = new VirtualScreen(80, 24)
  using screen = screenOn(terminal)
  screen.say('starting\nPostgreSQL\nRedis')
  screen.keep(`\nready\n${'x'.repeat(81)}\n`)
  screen.draw(full('view'))
  assert.deepEqual(terminal.visible.slice(0, 5), ['', 'ready', 'x'.repeat(80), 'x', ''])
  assert.equal(terminal.visible.length, 23)
  terminal.resize(80, 11)
  assert.equal(terminal.visible.length, 10)
  assert.ok(terminal.visible.every((row) => row.startsWith('view')))
})

test('a view that does not fit is truncated; a terminal without a size counts as 80 by 24', () => {
  const terminal = new VirtualScreen(0, 0)
  const screen = screenOn(terminal)
  assert.deepEqual(screen.size, { columns: 80, rows: 24 })
  terminal.columns = 10
  terminal.rows = 4
  screen.draw(() => `${'wide '.repeat(9)}\n2\n3\n4\n5`)
  assert.deepEqual(terminal.visible, ['wide wide…', '2', '3'])
  screen[Symbol.dispose]()
})

test('the cursor is never hidden', () => {
  const terminal = new VirtualScreen(40, 10)
  using screen = screenOn(terminal)
  screen.draw(small('view'))
  assert.ok(!terminal.written.includes('?25l'))
})

test('a terminal that cannot move its cursor is recognized by its type', () => {
  for (const type of ['xterm', 'xterm-256color', 'screen', 'linux', 'vt100']) {
    assert.ok(canMove({ isTTY: true }, type), type)
    assert.ok(!canMove({}, type), type)
  }
  for (const type of [undefined, '', 'dumb', 'unknown']) assert.equal(canMove({ isTTY: true }, type), false)
})
