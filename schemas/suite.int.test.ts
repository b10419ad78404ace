import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import t from 'tap'

import { JobicoError } from '../functions/process/errors.ts'
import { readSuite, type SuiteGroup } from './suite.fixture.ts'
import { compileSchema } from './validator.ts'

/** A deliberate difference from JSON Schema: the reason as docs/reference/schemas.md has it, and its groups of the suite. */
interface Difference {
  readonly reason: string
  /** `<draft>/<file>`, and how the descriptions of its groups begin; an empty beginning is all of them. */
  readonly groups: Readonly<Record<string, readonly string[]>>
  /** Whether such schemas are refused; else some of their data is judged in another way. */
  readonly isRefused: boolean
}

const DIFFERENCES: readonly Difference[] = [
  {
    reason: 'References to other documents are refused: nothing is ever fetched.',
    isRefused: true,
    groups: {
      'draft-07/refRemote': [''],
      '2020-12/refRemote': [''],
      'draft-07/optional/cross-draft': ['refs to future drafts'],
      '2020-12/optional/cross-draft': ['refs to historic drafts'],
    },
  },
  {
    reason: 'Metaschemas of others in `$schema` are refused.',
    isRefused: true,
    groups: { '2020-12/vocabulary': [''], '2020-12/optional/format-assertion': [''] },
  },
  {
    reason: '`$dynamicRef` is refused where it may lead to several schemas, or to none.',
    isRefused: true,
    groups: {
      '2020-12/dynamicRef': [
        'A $dynamicRef ',
        'multiple dynamic paths',
        'after leaving a dynamic scope',
        'strict-tree schema',
        'tests for implementation dynamic anchor',
        '$ref and $dynamicAnchor are independent of order',
        '$ref to $dynamicRef',
        '$dynamicRef points to a boolean',
        '$dynamicRef skips over',
      ],
      '2020-12/optional/dynamicRef': ['$dynamicRef skips over'],
      '2020-12/unevaluatedItems': ['unevaluatedItems with $dynamicRef'],
      '2020-12/unevaluatedProperties': ['unevaluatedProperties with $dynamicRef'],
    },
  },
  {
    reason:
      '`$ref` beside an `$id` of a schema within another is refused, where the drafts are easily misread.',
    isRefused: true,
    groups: {
      'draft-07/ref': ['$ref prevents a sibling $id'],
      '2020-12/ref': [
        'refs with relative uris and defs',
        'relative refs with absolute uris',
        'URN ref with nested pointer',
      ],
    },
  },
  {
    reason:
      '`properties` and `dependencies` with the name `__proto__` are refused; `patternProperties` can have it.',
    isRefused: true,
    groups: {
      'draft-07/properties': ['properties whose names are Javascript'],
      '2020-12/properties': ['properties whose names are Javascript'],
    },
  },
  {
    reason:
      '`unevaluatedProperties` and `unevaluatedItems` are refused together with an `if` that looks at fields or items which neither its schema does, nor `then` as well as `else`, or that is not in a schema of its own.',
    isRefused: true,
    groups: {
      '2020-12/unevaluatedItems': ['unevaluatedItems can see annotations from if'],
      '2020-12/unevaluatedProperties': [
        'unevaluatedProperties with if/then/else',
        'unevaluatedProperties can see annotations from if',
      ],
    },
  },
  {
    reason:
      '`unevaluatedProperties` is refused together with `dependentSchemas` that is not in a schema of its own within `allOf`, and with `patternProperties` or `additionalProperties` within or beside alternatives.',
    isRefused: true,
    groups: {
      '2020-12/unevaluatedProperties': [
        'unevaluatedProperties with dependentSchemas',
        'dynamic evalation inside nested refs',
        'dependentSchemas with unevaluatedProperties',
      ],
    },
  },
  {
    reason: '`unevaluatedItems` is refused together with `contains`, and with `items` in a schema within.',
    isRefused: true,
    groups: {
      '2020-12/unevaluatedItems': [
        'unevaluatedItems with nested items',
        'unevaluatedItems with nested prefixItems and items',
        'unevaluatedItems depends on',
        'unevaluatedItems and contains',
      ],
    },
  },
  {
    reason: 'Keywords beside a `$ref` count in draft-07 as they do in 2020-12.',
    isRefused: false,
    groups: { 'draft-07/ref': ['ref overrides any sibling'] },
  },
  {
    reason: 'Formats are checked in 2020-12 as they are in draft-07.',
    isRefused: false,
    groups: { '2020-12/format': [''] },
  },
  {
    reason:
      'The formats `idn-email`, `idn-hostname`, `iri` and `iri-reference` are not checked, like formats that are unknown.',
    isRefused: false,
    groups: Object.fromEntries(
      ['draft-07', '2020-12'].flatMap((draft) =>
        ['idn-email', 'idn-hostname', 'iri', 'iri-reference'].map((format) => [
          `${draft}/optional/format/${format}`,
          ['validation of '],
        ]),
      ),
    ),
  },
  {
    reason: '`contentEncoding` and `contentMediaType` are not checked.',
    isRefused: false,
    groups: { 'draft-07/optional/content': [''] },
  },
  {
    reason: 'An `$id` within an unknown keyword counts; it is refused where it stands a second time.',
    isRefused: true,
    groups: {
      'draft-07/optional/unknownKeyword': [''],
      '2020-12/optional/unknownKeyword': [''],
    },
  },
]

function differenceOf({ draft, file, description }: SuiteGroup): Difference | undefined {
  return DIFFERENCES.find(({ groups }) =>
    groups[`${draft}/${file}`]?.some((beginning) => description.startsWith(beginning)),
  )
}

/** How the validator judges a group: refuses the schema, or in how many tests it says something else than the suite. */
function judge({ schema, tests }: SuiteGroup): 'refused' | number {
  try {
    const validate = compileSchema(schema)
    return tests.filter(({ data, valid }) => (validate(data).length === 0) !== valid).length
  } catch (thrown) {
    if (thrown instanceof JobicoError && thrown.code === 'SCHEMA_INVALID') return 'refused'
    throw thrown
  }
}

function isDifferent(found: 'refused' | number, { isRefused }: Difference): boolean {
  return isRefused ? found === 'refused' : typeof found === 'number' && found > 0
}

const suite = await readSuite()
const all = suite.flatMap(({ tests }) => tests).length

t.test('the required and optional tests of the JSON Schema Test Suite', (t) => {
  let held = 0
  for (const group of suite) {
    const found = judge(group)
    const difference = differenceOf(group)
    const isAsListed = difference !== undefined && isDifferent(found, difference)
    t.ok(found === 0 || isAsListed, `${group.draft}/${group.file}: ${group.description}: ${found}`)
    if (found !== 'refused') held += group.tests.length - found
  }
  t.comment(`${held} of ${all} tests hold`)
  t.ok(all > 3_000, 'the suite is all there')
  t.end()
})

t.test('each difference is one still, and the docs have it', async (t) => {
  const docs = await readFile(join(import.meta.dirname, '..', 'docs', 'reference', 'schemas.md'), 'utf8')
  for (const difference of DIFFERENCES) {
    t.ok(docs.includes(`- ${difference.reason}\n`), difference.reason)
    for (const [place, beginnings] of Object.entries(difference.groups)) {
      for (const beginning of beginnings) {
        const meant = suite.filter(
          ({ draft, file, description }) => `${draft}/${file}` === place && description.startsWith(beginning),
        )
        const isShown = meant.some((group) => isDifferent(judge(group), difference))
        t.ok(isShown, `${place}: ${beginning} differs`)
      }
    }
  }
  const listed = docs.split('## Differences from JSON Schema')[1]?.split('\n## ')[0] ?? ''
  t.equal(listed.match(/^- /gm)?.length, DIFFERENCES.length, 'the docs have no others')
})
