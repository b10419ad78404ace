import { networkInterfaces } from 'node:os'

import t from 'tap'

import { isLoopbackHost, isLocalUrl } from './loopback.ts'

t.test('hosts', (t) => {
  for (const host of [
    'localhost',
    'LOCALHOST',
    'a.localhost',
    'localhost.',
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '[::1]',
    '0:0:0:0:0:0:0:1',
  ])
    t.ok(isLoopbackHost(host), host)
  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '128.0.0.1',
    '127.0.0.1.example',
    '127.evil.example',
    'localhost.example',
    'notlocalhost',
    '[::2]',
    '::ffff:10.0.0.1',
  ])
    t.notOk(isLoopbackHost(host), host)
  t.end()
})

t.test('URLs', (t) => {
  for (const url of ['http://127.0.0.1:8080', 'http://localhost', 'http://[::1]:8080/listener/ev1'])
    t.ok(isLocalUrl(url, 'http:'), url)
  t.ok(isLocalUrl('nats://127.0.0.1:4222', 'nats:'))
  const own = Object.values(networkInterfaces()).flatMap((each = []) => each)
  for (const { address, family } of own.filter(({ scopeid = 0 }) => scopeid === 0))
    t.ok(isLocalUrl(`http://${family === 'IPv6' ? `[${address}]` : address}:8080`, 'http:'), address)
  for (const url of [
    undefined,
    1,
    '',
    '127.0.0.1',
    'http://evil.example',
    'https://127.0.0.1',
    'http://127.0.0.1@evil.example',
    'http://me:secret@127.0.0.1',
    'nats://127.0.0.1',
    'file:///etc/passwd',
  ])
    t.notOk(isLocalUrl(url, 'http:'), String(url))
  t.notOk(isLocalUrl('nats://192.0.2.1:4222', 'nats:'))
  t.end()
})
