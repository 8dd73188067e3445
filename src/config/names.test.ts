import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { isGoogleProjectId, isHost, isPostgresName, isProjectId, isResourceId } from './names.ts'

const invisible = ['\n', '\r', '\t', '\0', '\u{200b}', '\u{a0}', '\u{feff}', '\u{202e}', '\u{3164}']

for (const [what, isRight, good, bad] of [
  [
    'a host',
    isHost,
    [
      'localhost',
      'db.example.com',
      'db.example.com.',
      'my_db',
      'xn--bcher-kva',
      '10.0.0.1',
      '::1',
      'fe80::1%eth0',
    ],
    [
      '',
      'a b',
      '[::1]',
      'h:1',
      'h/',
      'h1,h2',
      '-h',
      'h-',
      '.h',
      'h..i',
      'bücher',
      `${'x'.repeat(64)}.de`,
      '"h"',
    ],
  ],
  [
    'a role or database of PostgreSQL',
    isPostgresName,
    ['scanner', 'No Login', 'größe', 'sa@project.iam', 'a/b', "it's", 'x'.repeat(63)],
    ['', ' a', 'a ', '"a"', "'a'", 'x'.repeat(64), 'é'.repeat(32)],
  ],
  [
    "a project's id",
    isGoogleProjectId,
    ['my-project', 'abcdef', 'a23456', 'example.com:my-project', `a${'b'.repeat(29)}`, '123456789012'],
    [
      '',
      'short',
      'My-project',
      'my_project',
      '1project',
      'project-',
      '"my-project"',
      'projects/p',
      `a${'b'.repeat(30)}`,
    ],
  ],
  [
    "a project's id for an emulator",
    isProjectId,
    ['p', 'test', 'My_Project', '1', 'example.com:p'],
    ['', '-p', 'a b', "'p'", 'a/b', 'user:p', 'x'.repeat(101)],
  ],
  [
    'a topic or subscription',
    isResourceId,
    ['scan-topic', 'a.b_c~d+e%f', 'x'.repeat(255)],
    ['', 'ab', '1ab', 'google-topic', 'goog', 'projects/p/topics/t', 'x'.repeat(256), '"scan-topic"'],
  ],
] as const) {
  describe(what, () => {
    for (const name of good) test(`${name} is valid`, () => assert.ok(isRight(name)))
    for (const name of bad) test(`"${name}" is invalid`, () => assert.ok(!isRight(name)))
    test('a name with an invisible character is invalid', () => {
      for (const one of invisible)
        for (const name of [`${good[0]}${one}`, `${one}${good[0]}`, `${good[0]}${one}${good[0]}`])
          assert.ok(!isRight(name), JSON.stringify(name))
    })
  })
}
