import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Contrib, Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library'

import type { BundledPackage } from './packages.ts'

/** The name of the file in the image, and in `dist` of the package. */
export const SBOM_FILE = 'sbom.cdx.json'

const EXPRESSION = /^[\w.+() -]+$/

/** The entries of package-lock.json, by folder. */
interface LockFile {
  readonly packages: Readonly<Record<string, { readonly integrity?: string } | undefined>>
}

/**
 * A CycloneDX list of the packages of which files are bundled into Jobico, with the hashes that package-lock.json has of them.
 * The same packages give the same bytes: it has no times and no serial number.
 */
export async function sbom(root: string, packages: readonly BundledPackage[]): Promise<string> {
  const own = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly name: string
    readonly version: string
    readonly license: string
  }
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as LockFile
  const bom = new Models.Bom()
  const jobico = componentOf(own, Enums.ComponentType.Application)
  bom.metadata.component = jobico
  for (const each of packages) {
    const component = componentOf(each, Enums.ComponentType.Library)
    const hash = sha512Of(lock.packages[each.folder]?.integrity)
    if (hash !== undefined) component.hashes.set(Enums.HashAlgorithm['SHA-512'], hash)
    bom.components.add(component)
    jobico.dependencies.add(component.bomRef)
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6))
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`
}

const licenceFactory = new Contrib.License.Factories.LicenseFactory((text) => {
  if (!EXPRESSION.test(text)) throw new Error(`${text} is no SPDX expression`)
})

function componentOf(
  { name, version, license }: Pick<BundledPackage, 'name' | 'version' | 'license'>,
  type: Enums.ComponentType,
): Models.Component {
  const [, scope, bare = name] = /^(@[^/]+)\/(.*)$/.exec(name) ?? []
  const purl = `pkg:npm/${scope === undefined ? '' : `${encodeURIComponent(scope)}/`}${bare}@${version}`
  const component = new Models.Component(type, bare, {
    ...(scope === undefined ? {} : { group: scope }),
    bomRef: purl,
    purl,
    version,
  })
  if (license !== '') component.licenses.add(licenceFactory.makeFromString(license))
  return component
}

/** The SHA-512 of a package's archive in hexadecimal digits, from `integrity` in package-lock.json. */
function sha512Of(integrity = ''): string | undefined {
  const [, base64] = /\bsha512-(\S+)/.exec(integrity) ?? []
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('hex')
}
