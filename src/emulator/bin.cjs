#!/usr/bin/env node
// The package's command: runs what was compiled into dist/.
//
// CommonJS in old syntax: a Node.js that is too old can still read it, and say so (Node.js 10 and newer).
'use strict'
var least = parseInt(/\d+/.exec(require('./package.json').engines.node)[0], 10)

if (parseInt(process.versions.node, 10) < least) {
  process.stderr.write('pubsub-emulator-node: needs Node.js ' + least + ' or newer; this is ' + process.version + '\n')
  process.exit(2)
}
void import('./dist/command.js')
