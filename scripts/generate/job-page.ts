import { parse } from 'yaml'

import { CRD_BANNER, type Crd, type Schema } from './crd.ts'
import { limitsOf, needOf, placesOf, rulesOf, typeOf, type SchemaPlace } from './job-fields.ts'
import { jobSchema } from './job-schema.ts'
import { block, code, list, page, prose, table } from './markdown.ts'

interface Section {
  /** A field is in the section with the longest path that its own path starts with. */
  readonly path: string
  readonly heading: string
  readonly intro?: string
}

const SECTIONS: readonly Section[] = [
  { path: '', heading: '### The object' },
  ...['', '.env', '.retry', '.runner', '.listener', '.output'].map((part) => ({
    path: `spec.events[]${part}`,
    heading: `### ${code(`spec.events[]${part}`)}`,
  })),
  { path: 'spec.queue', heading: `## ${code('spec.queue')}` },
  {
    path: 'status',
    heading: `## ${code('status')}`,
    intro: '[conditions.md](../conditions.md) explains the conditions and their reasons.',
  },
]

/** A longer rule is only described: nobody reads it in a list. */
const MAX_RULE_CHARS = 200

const HEAD = `The path of a field has \`[]\` for each item of a list. Times are whole seconds. Sizes are whole numbers with \`Mi\` or \`Gi\`.

The Kubernetes API and \`jobico dev\` check a Job by the same schema and the same rules, and both refuse unknown fields. Only
\`jobico dev\` refuses \`output.sink.ref\`: outside a cluster there are no objects to refer to.

The schema of an event is in a ConfigMap. If the files have none of that name, \`jobico dev\`, \`build\`, \`test\` and \`deploy\`
read the schema from a plain file beside the Job file, \`<key>.json\` or \`<key>\`, and \`deploy\` makes the ConfigMap of it.
\`kubectl apply\` alone needs the ConfigMap.`

/** The text of docs/reference/job.md; `example` is a Job in YAML. Throws an Error when that leaves out a field of the spec. */
export function jobPage(crd: Crd, example: string): string {
  const schema = shownSchema(crd.schema)
  const places = [...placesOf(schema)]
  checkComplete(places, parse(example))
  return page([
    '# The Job',
    `<!-- ${CRD_BANNER} -->`,
    prose(schema.description ?? ''),
    'This Job has every field. Only those with the comment `required` are needed; where a field has a default, the example has it.',
    block('yaml', example),
    '## The fields',
    HEAD,
    ...SECTIONS.map((section) => sectionText(section, places)),
    '## Columns of `kubectl get jj`',
    '`jj` is short for `jobs.jobico.coeux.dev`. `kubectl get job` lists the Jobs of Kubernetes itself.',
    table(
      ['column', 'meaning'],
      crd.columns.map(({ name, description }) => [name.toUpperCase(), prose(description)]),
    ),
  ])
}

/** The schema of a Job file, of whose metadata only the name is shown. */
function shownSchema(openApi: Schema): Schema {
  const schema = jobSchema(openApi)
  const { metadata = {}, ...others } = schema.properties ?? {}
  const { apiVersion = {}, kind = {}, ...rest } = others
  const { name = {} } = openApi.properties?.['metadata']?.properties ?? {}
  return {
    ...schema,
    properties: { apiVersion, kind, metadata: { ...metadata, properties: { name } }, ...rest },
  }
}

function sectionText({ path, heading, intro = '' }: Section, places: readonly SchemaPlace[]): string {
  const shown = places.filter((place) => sectionOf(place.path) === path)
  const fields = shown.filter((place) => place.path !== '' && !place.path.endsWith('[]'))
  const rules = places.flatMap(rulesOf).filter(({ about }) => sectionOf(about) === path)
  return page([
    heading,
    intro,
    table(
      ['field', 'type', path === 'status' ? 'there' : 'required', 'limits', 'description'],
      fields.map((field) => [
        code(field.path),
        typeOf(field.schema),
        path === 'status' ? presenceOf(field) : needOf(field),
        limitsOf(field.schema),
        prose(field.schema.description ?? ''),
      ]),
    ),
    rules.length === 0 ? '' : 'Rules:',
    list(rules.map(({ about, message, rule }) => `${code(about)}: ${prose(message)}. ${shownRule(rule)}`)),
  ]).trimEnd()
}

/** Nobody gives a field of the status; it is only there or not. */
function presenceOf({ required }: SchemaPlace): string {
  return required ? 'always' : 'if known'
}

function shownRule(rule: string): string {
  return rule.length > MAX_RULE_CHARS ? 'The rule itself is in the CRD.' : `Rule: ${code(rule)}`
}

function sectionOf(path: string): string {
  const starts = SECTIONS.map((section) => section.path).filter(
    (start) => start === '' || path === start || path.startsWith(`${start}.`) || path.startsWith(`${start}[`),
  )
  return starts.reduce((longest, start) => (start.length > longest.length ? start : longest))
}

function checkComplete(places: readonly SchemaPlace[], example: unknown): void {
  const used = new Set(pathsIn(example))
  const missing = places.map(({ path }) => path).filter((path) => path.startsWith('spec') && !used.has(path))
  if (missing.length > 0)
    throw new Error(`scripts/generate/job-example.yaml leaves out ${missing.join(', ')}`)
}

function pathsIn(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return [path, ...value.flatMap((item) => pathsIn(item, `${path}[]`))]
  if (typeof value !== 'object' || value === null) return [path]
  const inside = Object.entries(value).flatMap(([name, child]) =>
    pathsIn(child, path === '' ? name : `${path}.${name}`),
  )
  return [path, ...inside]
}
