#!/usr/bin/env node
// Publishes the messages of a file, one a line, to a topic of the emulator:
//
//   examples/publish.mjs [--envelope] TOPIC FILE
//
// With --envelope a line is an object with data (base64) or json, attributes and orderingKey, as `ingester try --envelope` takes it.
// Where the emulator is, PUBSUB_EMULATOR_HOST and INGESTER_PROJECTID say, or .env.local, which `make dev` writes.
import { readFileSync } from 'node:fs'
import { loadEnvFile } from 'node:process'

const [isEnvelope, [topic, file]] =
  process.argv[2] === '--envelope' ? [true, process.argv.slice(3)] : [false, process.argv.slice(2)]
if (file === undefined) {
  console.error('usage: publish.mjs [--envelope] TOPIC FILE')
  process.exit(2)
}
if (isEnvelope && JSON.rawJSON === undefined) {
  console.error(`--envelope needs Node.js 22 or newer; this is ${process.version}`)
  process.exit(2)
}
if (process.env.PUBSUB_EMULATOR_HOST === undefined) loadEnvFile('.env.local')
const { PUBSUB_EMULATOR_HOST, INGESTER_PROJECTID } = process.env
const url = `http://${PUBSUB_EMULATOR_HOST}/v1/projects/${INGESTER_PROJECTID}/topics/${topic}:publish`

const base64 = (text) => Buffer.from(text).toString('base64')

function messageOf(line) {
  if (!isEnvelope) return { data: base64(line) }
  const { json, ...message } = JSON.parse(line, withDigits)
  return json === undefined ? message : { ...message, data: base64(JSON.stringify(json)) }
}

/** A number is published as it is written in the file. */
function withDigits(_, value, { source }) {
  return typeof value === 'number' ? JSON.rawJSON(source) : value
}

for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [messageOf(line)] }),
  })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
}
