import t from 'tap'

import { strangerFault } from './stranger.ts'

const HERE = ['Host', '127.0.0.1:8080']

t.test('at a loopback address', (t) => {
  for (const { name, headers, fault } of [
    { name: 'curl', headers: HERE },
    { name: 'a name', headers: ['host', 'localhost:8080'] },
    { name: 'a name in other letters, with a dot', headers: ['HOST', 'LocalHost.'] },
    { name: 'a name below localhost', headers: ['Host', 'shop.localhost:8080'] },
    { name: 'another loopback address', headers: ['Host', '127.1.2.3'] },
    { name: 'IPv6', headers: ['Host', '[::1]:8080'] },
    { name: 'IPv6, written out', headers: ['Host', '[0:0:0:0:0:0:0:1]'] },
    { name: 'no Host, as of HTTP 1.0', headers: [] },
    { name: 'a page of this machine', headers: [...HERE, 'Origin', 'http://localhost:3000'] },
    {
      name: 'a rebound name',
      headers: ['Host', 'evil.example:8080'],
      fault: /the host "evil\.example:8080"/,
    },
    { name: 'a rebound name beside a good one', headers: [...HERE, 'Host', 'evil.example'], fault: /evil/ },
    { name: 'a name that begins well', headers: ['Host', '127.0.0.1.evil.example'], fault: /evil/ },
    { name: 'a name that ends well', headers: ['Host', 'evillocalhost'], fault: /evil/ },
    { name: 'an address of the network', headers: ['Host', '192.168.1.5:8080'], fault: /--host/ },
    { name: 'any address', headers: ['Host', '0.0.0.0:8080'], fault: /0\.0\.0\.0/ },
    { name: 'an empty Host', headers: ['Host', ''], fault: /""/ },
    { name: 'a user in it', headers: ['Host', 'localhost@evil.example'], fault: /evil/ },
    {
      name: 'a foreign page',
      headers: [...HERE, 'Origin', 'https://evil.example'],
      fault: /web page of "https:/,
    },
    { name: 'a page in a sandbox', headers: [...HERE, 'origin', 'null'], fault: /page of "null"/ },
    { name: 'an extension', headers: [...HERE, 'Origin', 'moz-extension://localhost'], fault: /moz/ },
    {
      name: 'a good and a foreign page',
      headers: [...HERE, 'Origin', 'http://localhost', 'Origin', 'http://a.b'],
      fault: /a\.b/,
    },
    { name: 'a rebound page', headers: ['Host', 'a.b', 'Origin', 'http://a.b'], fault: /the host "a\.b"/ },
  ]) {
    const told = strangerFault(headers, false)
    if (fault === undefined) t.equal(told, undefined, name)
    else t.match(told, fault, name)
  }
  t.end()
})

t.test('with --host for other machines', (t) => {
  for (const { name, headers, fault } of [
    { name: 'any name', headers: ['Host', 'box.example:8080'] },
    {
      name: 'a page of the same name',
      headers: ['Host', 'Box.example:8080', 'Origin', 'http://box.example:8080'],
    },
    { name: 'a page of this machine', headers: ['Host', '192.168.1.5', 'Origin', 'http://127.0.0.1:3000'] },
    {
      name: 'a foreign page',
      headers: ['Host', '192.168.1.5:8080', 'Origin', 'http://evil.example'],
      fault: /evil/,
    },
    { name: 'another port', headers: ['Host', 'box:8080', 'Origin', 'http://box:3000'], fault: /box:3000/ },
  ]) {
    const told = strangerFault(headers, true)
    if (fault === undefined) t.equal(told, undefined, name)
    else t.match(told, fault, name)
  }
  t.end()
})
