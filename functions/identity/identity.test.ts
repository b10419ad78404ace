import { decode, parseCreds, type Account, type Operator, type User } from '@nats-io/jwt'
import t from 'tap'

import { allowedInboxes, authentication, parseCredentials } from '../jetstream/credentials.ts'
import { accountOf, accountToken, credentials, operatorTokens, type AccountName, type Part } from './issue.ts'
import {
  accountKey,
  beginRotation,
  decodeKeys,
  encodeKeys,
  endRotation,
  issuedAt,
  newKeys,
  switchKeys,
  type InstallationKeys,
} from './keys.ts'
import { NAMESPACE_PARTS } from './permissions.ts'

const NOW = new Date('2026-01-02T03:04:05.678Z')
const keys = newKeys(NOW)
const begun = beginRotation(keys, NOW)
const rotated = switchKeys(begun, NOW)
const ended = endRotation(rotated, NOW)
const SHOP = accountOf('shop')

t.test('tokens are such as the library of NATS reads, and signed by whom the servers trust', async (t) => {
  const [operator = ''] = operatorTokens(keys)
  const trusted = decode<Operator>(operator)
  t.match(trusted, { iss: trusted.sub, nats: { type: 'operator', version: 2 } })
  t.equal(trusted.nats.system_account, accountKey(keys, 'system'))
  const account = decode<Account>(accountToken(keys, SHOP))
  t.match(account, {
    iss: trusted.sub,
    sub: accountKey(keys, SHOP),
    iat: Date.parse('2026-01-02T03:04:05Z') / 1_000,
  })
  for (const part of NAMESPACE_PARTS) {
    const text = credentials(keys, SHOP, part)
    const { uc: user, aid, jwt } = await parseCreds(Buffer.from(text))
    t.equal(aid, account.sub)
    t.ok(account.nats.signing_keys?.includes(user.iss), 'the account names who signs for it')
    t.match(decode<User>(jwt), { name: part, nats: { type: 'user', issuer_account: account.sub } })
    t.equal(text, credentials(keys, SHOP, part), 'they are always the same')
    t.equal(allowedInboxes(parseCredentials(text, 'it').token), `_INBOX_${part}`)
  }
  t.end()
})

t.test('a signature of the credentials is one of their user', async (t) => {
  const text = credentials(keys, SHOP, 'runner')
  const { uc } = await parseCreds(Buffer.from(text))
  const { authenticator } = authentication({ credentials: text })
  const { sig } = authenticator?.('a nonce') as { readonly sig: string }
  const { fromPublic } = await import('@nats-io/nkeys')
  t.ok(fromPublic(uc.sub).verify(Buffer.from('a nonce'), Buffer.from(sig, 'base64url')))
})

t.test('each account, part and secret has keys of its own', (t) => {
  const accounts: readonly AccountName[] = [SHOP, accountOf('rival'), 'storage', 'system']
  t.equal(new Set(accounts.map((account) => accountKey(keys, account))).size, accounts.length)
  t.not(accountKey(keys, SHOP), accountKey(newKeys(NOW), SHOP), 'of each installation, too')
  const users = [keys, rotated].flatMap((each) =>
    [SHOP, accountOf('rival')].flatMap((account) =>
      NAMESPACE_PARTS.map((part) => credentials(each, account, part)),
    ),
  )
  t.equal(new Set(users).size, users.length)
  t.end()
})

t.test('a rotation changes what signs, and not the names of accounts', (t) => {
  const steps = [keys, begun, rotated, ended]
  t.equal(new Set(steps.map((each) => accountKey(each, SHOP))).size, 1)
  const signers = (of: InstallationKeys) => decode<Account>(accountToken(of, SHOP)).nats.signing_keys ?? []
  const [old] = signers(keys)
  const [first, next] = signers(begun)
  t.equal(first, old, 'the key before signs until all servers know the new one')
  t.equal(credentials(begun, SHOP, 'cli'), credentials(keys, SHOP, 'cli'))
  t.same(signers(rotated), [next, old], 'what the key before has signed is still taken')
  t.same(signers(ended), [next], 'until the end of the rotation')
  t.equal(credentials(ended, SHOP, 'cli'), credentials(rotated, SHOP, 'cli'))
  t.equal(operatorTokens(begun)[0], operatorTokens(keys)[0])
  t.equal(operatorTokens(rotated)[1], operatorTokens(keys)[0])
  t.same(operatorTokens(ended), [operatorTokens(begun)[1]])
  t.same(
    steps.map((each) => issuedAt(each) - issuedAt(keys)),
    [0, 1, 2, 3],
    'the tokens of each step are newer than those before, however fast it goes',
  )
  t.equal(switchKeys(keys, NOW), keys, 'without a new key there is nothing to do')
  t.end()
})

t.test('keys as text', (t) => {
  for (const each of [keys, begun, rotated, ended]) t.same(decodeKeys(encodeKeys(each), 'it'), each)
  const bad = [
    '',
    '{}',
    'null',
    '[]',
    JSON.stringify({ ...keys, id: 'x' }),
    JSON.stringify({ ...keys, current: {} }),
    JSON.stringify({ ...keys, next: {} }),
    JSON.stringify({ ...keys, changed: 'x' }),
  ]
  for (const text of bad)
    t.throws(() => decodeKeys(text, 'the file a'), {
      code: 'CONFIG_INVALID',
      message: 'the file a does not hold the keys of an installation',
    })
  t.end()
})

t.test('nobody gets credentials for an account in which he has nothing to do', (t) => {
  const cases: readonly (readonly [AccountName, Part])[] = [
    [SHOP, 'storage'],
    ['storage', 'listener'],
    ['system', 'cli'],
    ['system', 'storage'],
  ]
  for (const [account, part] of cases) t.throws(() => credentials(keys, account, part), RangeError)
  t.end()
})

t.test('credentials that can not be used', (t) => {
  const good = credentials(keys, SHOP, 'cli')
  const seedOnly = good.slice(good.indexOf('-----BEGIN USER'))
  for (const text of ['', 'x', seedOnly, good.replace(/^SU/m, 'SA')])
    t.throws(() => authentication({ credentials: text }), {
      code: 'CONFIG_INVALID',
      message: /not the credentials/,
    })
  t.throws(() => authentication({ credsFile: '/nowhere' }), { code: 'CONFIG_INVALID', message: /ENOENT/ })
  t.throws(() => authentication({ credentials: () => 'x' }), { code: 'CONFIG_INVALID' })
  t.same(authentication({}), {})
  for (const token of ['', 'a.b.c', `a.${Buffer.from('{}').toString('base64url')}.c`])
    t.equal(allowedInboxes(token), undefined)
  t.end()
})
