import t from 'tap'

import { differingKeys, ownedManifest, type Live } from './owners.ts'

const reference = (name: string) => ({
  ...{ apiVersion: 'jobico.coeux.dev/v1', kind: 'Job', name, uid: `uid-${name}` },
})
const jobs = (...names: string[]) => names.map((name) => ({ metadata: { name, uid: `uid-${name}` } }))
const configMap = (data: Record<string, string>, ...owners: string[]) => ({
  data,
  metadata: { name: 's', ownerReferences: owners.map(reference) },
})
const manifest = { metadata: { name: 's' }, data: { s: 'new' } }

const cases: readonly {
  readonly name: string
  readonly live: Live
  readonly owners: readonly string[]
  readonly data?: object
  readonly differs?: readonly string[]
}[] = [
  { name: 'before the Job is there', live: { configMap: undefined, jobs: [] }, owners: [] },
  { name: 'of a new Job', live: { configMap: undefined, jobs: jobs('a') }, owners: ['a'] },
  { name: 'of two Jobs', live: { configMap: undefined, jobs: jobs('a', 'b') }, owners: ['a', 'b'] },
  {
    name: 'a key that the Job had is dropped',
    live: { configMap: configMap({ s: 'old', gone: '' }, 'a'), jobs: jobs('a') },
    owners: ['a'],
  },
  {
    name: 'what another Job has stays',
    live: { configMap: configMap({ theirs: 'x' }, 'b'), jobs: jobs('a') },
    owners: ['a', 'b'],
    data: { theirs: 'x', s: 'new' },
  },
  {
    name: 'another Job has another schema under the key',
    live: { configMap: configMap({ s: 'other' }, 'b'), jobs: jobs('a') },
    owners: ['a', 'b'],
    differs: ['s'],
  },
]

t.test('the ConfigMap of schemas in plain files, and its owners', (t) => {
  for (const { name, live, owners, data = { s: 'new' }, differs = [] } of cases) {
    const ownerReferences = owners.map(reference)
    const metadata = { name: 's', ...(owners.length > 0 && { ownerReferences }) }
    t.strictSame(ownedManifest(manifest, live), { metadata, data }, name)
    t.strictSame(differingKeys(manifest, live), differs, name)
  }
  t.end()
})
