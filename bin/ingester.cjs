#!/usr/bin/env node
// The package's `ingester`: runs what `make build` compiled. (In a checkout, bin/ingester runs the sources.)
//
// CommonJS in old syntax: a Node.js that is too old can still read it, and say so (Node.js 10 and newer).
'use strict'
var nodeModule = require('module')
var path = require('path')
var engines = require('../package.json').engines

var least = parseInt(/\d+/.exec(engines.node)[0], 10)
if (parseInt(process.versions.node, 10) < least) {
  console.error('ingester: needs Node.js ' + least + ' or newer; this is ' + process.version + ' (' + process.execPath + ')')
  process.exit(2)
}

// What was compiled once is not compiled again, which halves the start-up time. Where packages keep their caches.
var packages = path.resolve(__dirname, '..', '..')
if (path.basename(packages) === 'node_modules') {
  nodeModule.enableCompileCache(path.join(packages, '.cache', 'ingester'))
}

// node-pg-migrate's loader of TypeScript, which has nothing to load here, would leave an empty folder in /tmp.
process.env.JITI_FS_CACHE = 'false'

// As node --disable-proto=delete does, which bin/ingester sets.
delete Object.prototype.__proto__

void import('../dist/cmd/ingester/main.js')
