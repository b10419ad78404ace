import t from 'tap'

import { neverSinks } from './never-sinks.ts'

const API_SERVER = '10.96.0.1'
const rules = neverSinks({ apiServer: API_SERVER })
const local = neverSinks({ loopback: true })

const MACHINE = /of the machine itself/
const LINK = /link-local/
/** Hosts as they stand in a URI, which a URL makes plain. */
const hosts: readonly { readonly host: string; readonly want?: RegExp; readonly locally?: RegExp }[] = [
  { host: 'example.com' },
  { host: '10.1.2.3' },
  { host: '192.168.1.1' },
  { host: 'orders.shop.svc.cluster.local' },
  { host: 'kubernetes.shop.svc' },
  { host: 'localhost.example.com' },
  { host: '[2001:db8::1]' },
  { host: 'localhost', want: MACHINE },
  { host: 'LOCALHOST.', want: MACHINE },
  { host: 'a.localhost', want: MACHINE },
  { host: '127.0.0.1', want: MACHINE },
  { host: '127.1', want: MACHINE },
  { host: '2130706433', want: MACHINE },
  { host: '0x7f000001', want: MACHINE },
  { host: '0', want: MACHINE },
  { host: '[::]', want: MACHINE },
  { host: '[::1]', want: MACHINE },
  { host: '[::ffff:127.0.0.1]', want: MACHINE },
  { host: '[64:ff9b::127.0.0.1]', want: MACHINE },
  { host: '169.254.169.254', want: LINK, locally: LINK },
  { host: '0xa9fea9fe', want: LINK, locally: LINK },
  { host: '[fe80::1]', want: LINK, locally: LINK },
  { host: '[::ffff:169.254.1.1]', want: LINK, locally: LINK },
  { host: '[64:ff9b::169.254.169.254]', want: LINK, locally: LINK },
  { host: '[fd00:ec2::254]', want: LINK, locally: LINK },
  { host: '224.0.0.1', want: /multicast/, locally: /multicast/ },
  { host: '255.255.255.255', want: /multicast/, locally: /multicast/ },
  { host: API_SERVER, want: /API server/ },
  { host: 'kubernetes.default', want: /API server/, locally: /API server/ },
  { host: 'kubernetes.default.svc', want: /API server/, locally: /API server/ },
  { host: 'kubernetes.default.svc.cluster.local.', want: /API server/, locally: /API server/ },
]
for (const { host, want, locally } of hosts)
  t.test(host, (t) => {
    const { hostname } = new URL(`http://${host}:8080/`)
    for (const [rule, wanted] of [
      [rules.host(hostname), want],
      [local.host(hostname), locally],
    ] as const)
      if (wanted === undefined) t.equal(rule, undefined)
      else t.match(rule, wanted)
    t.end()
  })

t.test('what a name is looked up to counts too', (t) => {
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254', 'fe80::1', API_SERVER])
    t.type(rules.address(address), 'string', address)
  for (const address of ['10.0.0.7', '93.184.216.34', '2001:db8::1', 'fd00::1'])
    t.equal(rules.address(address), undefined, address)
  t.equal(neverSinks({ apiServer: 'fd00::1' }).address('fd00::1'), 'the address of the API server')
  t.equal(neverSinks({ apiServer: 'api.example.com' }).host('api.example.com'), 'the name of the API server')
  t.end()
})
