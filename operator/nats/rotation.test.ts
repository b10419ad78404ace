import t from 'tap'

import { beginRotation, newKeys, switchKeys } from '../../functions/identity/keys.ts'
import { nextKeys, phaseOf } from './rotation.ts'

const NOW = new Date('2026-01-02T03:04:05Z')
const settled = newKeys(NOW)
const begun = beginRotation(settled, NOW)
const switched = switchKeys(begun, NOW)

t.test('which step of a rotation comes next', async (t) => {
  const cases = [
    { name: 'nothing is asked for', keys: settled, phase: undefined },
    { name: 'an end without a beginning', keys: settled, says: 'End', phase: undefined },
    { name: 'some other word', keys: settled, says: 'begin it', phase: undefined },
    { name: 'it begins', keys: settled, says: 'Begin', becomes: 'next', phase: 'RestartServers' },
    {
      name: 'some servers do not know the key yet',
      keys: begun,
      says: 'RestartServers',
      phase: 'RestartServers',
    },
    { name: 'an end that comes too early', keys: begun, says: 'End', phase: 'RestartServers' },
    { name: 'a second beginning', keys: begun, says: 'Begin', phase: 'RestartServers' },
    { name: 'all servers know the key', keys: begun, knows: true, becomes: 'previous', phase: 'Switched' },
    { name: 'the annotation was removed', keys: switched, phase: 'Switched' },
    { name: 'a second beginning after the switch', keys: switched, says: 'Begin', phase: 'Switched' },
    {
      name: 'an end before all have new credentials',
      keys: switched,
      says: 'End',
      issued: false,
      phase: 'End',
    },
    { name: 'it ends', keys: switched, says: 'End', becomes: 'settled', phase: undefined },
  ] as const
  for (const { name, keys, phase, ...given } of cases) {
    const {
      says,
      knows = false,
      issued = true,
      becomes,
    } = {
      ...{ says: undefined, becomes: undefined },
      ...given,
    } as { says?: string; knows?: boolean; issued?: boolean; becomes?: string }
    const after = await nextKeys(keys, {
      ...{ says, isIssued: issued, now: NOW },
      serversKnowNext: () => Promise.resolve(knows),
    })
    const found = after.next !== undefined ? 'next' : after.previous !== undefined ? 'previous' : 'settled'
    if (becomes === undefined) t.equal(after, keys, `${name}: the keys stay`)
    else t.equal(found, becomes, name)
    t.equal(phaseOf(after, says), phase, `${name}: what the annotation says then`)
  }
})

t.test('servers are asked only when there is a key that they have to know', async (t) => {
  const serversKnowNext = () => Promise.reject(new Error('asked'))
  for (const keys of [settled, switched])
    await t.resolves(nextKeys(keys, { says: 'End', isIssued: true, now: NOW, serversKnowNext }))
})
