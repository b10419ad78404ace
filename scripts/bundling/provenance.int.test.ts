import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import t from 'tap'

import { bundleImage } from './image.ts'
import { licences } from './licences.ts'
import { SBOM_FILE } from './sbom.ts'

const ROOT = join(import.meta.dirname, '..', '..')

interface Bom {
  readonly metadata: { readonly component: { readonly name: string } }
  readonly components: readonly {
    readonly group?: string
    readonly name: string
    readonly version: string
    readonly purl: string
    readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
    readonly licenses?: readonly object[]
  }[]
}

t.test('the image says what it is made of, and brings all licences whole', async (t) => {
  const folder = t.testdir()
  await bundleImage(ROOT, folder)
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const text = read(SBOM_FILE)
  t.equal(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text), null, 'CycloneDX 1.6')
  const { metadata, components } = JSON.parse(text) as Bom
  t.equal(metadata.component.name, 'jobico')
  const names = components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`))
  for (const name of ['fastify', 'ajv', '@nats-io/jetstream', '@kubernetes/client-node'])
    t.ok(names.includes(name), name)
  for (const name of ['tap', 'esbuild', 'typescript'])
    t.notOk(names.includes(name), `${name} is not in the image`)
  for (const { purl, hashes, licenses } of components) {
    t.match(hashes, [{ alg: 'SHA-512', content: /^[0-9a-f]{128}$/ }], `the hash of ${purl}`)
    t.equal(licenses?.length, 1, `the licence of ${purl}`)
  }
  await bundleImage(ROOT, folder)
  t.equal(read(SBOM_FILE), text, 'the same each time')

  const sections = read('licences.txt').split(/^-{80}$/m)
  t.equal(sections.length, components.length)
  for (const section of sections) t.match(section, /(permi(?:t|ssion)|Redistribution|public domain)[^]{200}/i)
  const of = (name: string) => sections.find((section) => section.trimStart().startsWith(`${name} `)) ?? ''
  t.match(of('@bjorn3/browser_wasi_shim'), /Apache License[^]*Permission is hereby\s+granted/)
  t.match(of('@assemblyscript/loader'), /END OF TERMS AND CONDITIONS/, 'one that brings no text')
})

t.test('a package whose licence is not found is refused', async (t) => {
  const root = t.testdir({ node_modules: { odd: { 'index.js': '' } } })
  const odd = { folder: 'node_modules/odd', name: 'odd', version: '1.0.0', license: 'Odd', author: '' }
  await t.rejects(licences(root, [{ ...odd, files: ['node_modules/odd/index.js'] }]), {
    message: /the package odd has no text of its licence \(Odd\)/,
  })
})
