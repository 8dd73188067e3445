import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { AllowedHosts } from './allowed-hosts.ts'

const local = { host: 'localhost:8085', origin: undefined, localAddress: '127.0.0.1' }
const onLoopback = new AllowedHosts('127.0.0.1')

const passes = (hosts: AllowedHosts, source: Partial<Parameters<AllowedHosts['check']>[0]>) =>
  assert.doesNotThrow(() => hosts.check({ ...local, ...source }), JSON.stringify(source))
const refused = (hosts: AllowedHosts, source: Partial<Parameters<AllowedHosts['check']>[0]>) =>
  assert.throws(() => hosts.check({ ...local, ...source }), { status: 'PERMISSION_DENIED' })

/** What leads to this machine, in spellings that browsers and clients have for it. */
const ownHosts = [
  'localhost',
  'localhost:8085',
  'LocalHost:1',
  'localhost.:8085',
  '127.0.0.1',
  '127.0.0.1:65535',
  '127.8.9.10:8085',
  '127.1:8085',
  '[::1]',
  '[::1]:8085',
  '[0:0:0:0:0:0:0:1]:8085',
  '[::ffff:127.0.0.1]:8085',
]
const foreignHosts = [
  'evil.example',
  'evil.example:8085',
  'localhost.evil.example:8085',
  'notlocalhost',
  '127.0.0.1.evil.example',
  '127.0.0.1:8085@evil.example',
  'evil.example#localhost',
  'evil.example?localhost:8085',
  'evil.example/localhost',
  'evil.example\\localhost',
  '128.0.0.1',
  '10.0.0.5:8085',
  '0.0.0.0:8085',
  '[::2]:8085',
  '[::ffff:10.0.0.5]:8085',
  '',
  ':8085',
  'localhost:port',
  'localhost localhost',
  '::1',
]

describe('served requests', () => {
  test('those that name this machine by a loopback name, on any port', () => {
    for (const host of ownHosts) {
      passes(onLoopback, { host })
      passes(onLoopback, { origin: `http://${host}` })
      passes(onLoopback, { origin: `https://${host}` })
    }
  })

  test('none that names another host, as host or as origin', () => {
    for (const host of foreignHosts) {
      refused(onLoopback, { host })
      refused(onLoopback, { origin: `http://${host}` })
    }
  })

  test('no page whose origin is hidden, or not of the web', () => {
    for (const origin of [
      'null',
      '',
      'file://',
      'file://localhost',
      'localhost',
      'ftp://localhost',
      'http://',
    ])
      refused(onLoopback, { origin })
    refused(onLoopback, { origin: 'http://localhost, http://evil.example' })
  })

  test('those without a host, as HTTP/1.0 allows', () => passes(onLoopback, { host: undefined }))

  test('those that name the address that it listens on, or that they arrived at', () => {
    passes(new AllowedHosts('Emulator.internal'), { host: 'emulator.internal:8085' })
    passes(new AllowedHosts('fd00::5'), { host: '[fd00::5]:8085' })
    const everywhere = new AllowedHosts('0.0.0.0')
    passes(everywhere, { host: '0.0.0.0:8085' })
    for (const localAddress of ['10.0.0.5', '::ffff:10.0.0.5']) {
      passes(everywhere, { host: '10.0.0.5:8085', localAddress })
      passes(everywhere, { origin: 'http://10.0.0.5:3000', localAddress })
      refused(everywhere, { host: '10.0.0.6:8085', localAddress })
    }
    refused(everywhere, { host: 'pubsub:8085' })
  })

  test('those that were allowed by name, but no part of such a name', () => {
    const hosts = new AllowedHosts('0.0.0.0', ['pubsub', 'Host.Docker.internal', 'fd00::7'])
    for (const host of ['pubsub:8085', 'PUBSUB', 'host.docker.internal:8085', '[fd00::7]:1']) {
      passes(hosts, { host })
      passes(hosts, { origin: `http://${host}` })
    }
    for (const host of ['pubsub.evil.example', 'xpubsub', 'docker.internal', '[fd00::8]'])
      refused(hosts, { host })
  })

  test('the error says what is foreign and how to allow it, and truncates long names', () => {
    assert.throws(() => onLoopback.check({ ...local, host: 'evil.example' }), /"evil\.example".*--allow-host/)
    assert.throws(() => onLoopback.check({ ...local, origin: 'http://a\u001b.b' }), /"http:\/\/a\\u001b\.b"/)
    assert.throws(
      () => onLoopback.check({ ...local, origin: `http://${'x'.repeat(5000)}` }),
      ({ message }: Error) => message.length < 300,
    )
  })

  test('it knows whether it can be reached from other machines', () => {
    for (const host of ['127.0.0.1', '127.0.0.2', '::1', 'localhost'])
      assert.ok(new AllowedHosts(host).isLoopbackOnly, host)
    for (const host of ['0.0.0.0', '::', '10.0.0.5', 'emulator'])
      assert.ok(!new AllowedHosts(host).isLoopbackOnly, host)
  })
})
