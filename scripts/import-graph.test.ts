import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

import t from 'tap'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The layers below processes, from the lowest to the highest. */
const BASE = [
  'functions/process',
  'functions/cloudevents',
  'functions/jetstream',
  'functions/queues',
] as const

/** What the files of each folder may import from other folders. A folder that is not here may import from none. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'functions/process': [],
  'functions/cloudevents': ['functions/process'],
  'functions/jetstream': ['functions/process'],
  'functions/queues': ['functions/process', 'functions/jetstream'],
  'functions/outcomes': BASE,
  'functions/dead-letters': [...BASE, 'functions/outcomes'],
  'functions/storage': ['functions/process', 'functions/jetstream'],
  'functions/upgrade': [...BASE, 'functions/outcomes'],
  'functions/modules': ['functions/process', 'functions/jetstream'],
  'functions/backup': [...BASE, 'functions/outcomes', 'functions/modules', 'functions/storage'],
  'functions/identity': [
    'functions/process',
    'functions/jetstream',
    'functions/queues',
    'functions/modules',
    'functions/storage',
  ],
  'functions/guests': ['functions/process', 'functions/cloudevents', 'functions/modules'],
  'functions/listener': [...BASE, 'functions/outcomes', 'functions/storage', 'schemas'],
  'functions/runner': [...BASE, 'functions/outcomes', 'functions/modules', 'functions/guests', 'schemas'],
  crds: ['schemas'],
  schemas: ['functions/process', 'functions/cloudevents'],
  knative: ['functions/process', 'functions/jetstream', 'functions/queues', 'functions/modules', 'crds'],
  operator: [
    ...BASE,
    'functions/storage',
    'functions/upgrade',
    'functions/modules',
    'functions/identity',
    'functions/guests',
    'knative',
    'schemas',
    'crds',
  ],
  // The samples are run as tests.
  'wasm-examples': ['functions/guests', 'functions/cloudevents'],
  scripts: [
    ...BASE,
    'functions/outcomes',
    'functions/dead-letters',
    'functions/storage',
    'functions/upgrade',
    'functions/backup',
    'functions/modules',
    'functions/identity',
    'functions/guests',
    'schemas',
    'crds',
    'knative',
  ],
}

/** Inside these folders, what each subfolder may import from the others; their own top level may import from all. */
const ROOMS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'functions/listener': { decoding: [], storing: ['decoding'], http: ['decoding', 'storing'] },
  'functions/runner': {
    outputs: [],
    workers: [],
    dispatch: ['workers'],
    attempts: ['dispatch', 'outputs', 'workers'],
  },
  knative: { kube: [], resources: ['kube'], status: ['kube'] },
  operator: {
    checks: [],
    faults: [],
    nats: [],
    scaler: ['nats'],
    watch: [],
    objects: ['faults', 'nats', 'watch'],
    resolve: ['checks', 'faults', 'nats', 'objects', 'watch'],
    removal: ['faults', 'nats', 'objects', 'watch'],
    reconcile: ['faults', 'nats', 'objects', 'removal', 'resolve', 'watch'],
    controller: ['checks', 'nats', 'reconcile', 'removal', 'resolve', 'watch'],
  },
}

/** The only file, or folder, that may import a package, by the start of the package's name; types are free. */
const ONLY_IMPORTERS: Readonly<Record<string, string>> = {
  '@grpc/': 'operator/scaler/',
  ajv: 'schemas/',
  '@assemblyscript/loader': 'functions/guests/assemblyscript/assemblyscript.ts',
  '@bjorn3/browser_wasi_shim': 'functions/guests/wasi/preview1.ts',
  '@kubernetes/client-node': 'knative/kube/kubeconfig.ts',
}
const CONNECTS = 'functions/jetstream/connection.ts'
const MAY_READ_ENVIRONMENT = /(^|\/)config\.ts$|^scripts\/cli\//
const TESTS = /\.test\.ts$|(^|[./-])fixture\.ts$|(^|\/)test-modules\.ts$/

interface Import {
  readonly from: string
  /** A file of the project, or a package's specifier. */
  readonly to: string
  readonly names: readonly string[]
  readonly typesOnly: boolean
}

const files = globSync('**/*.ts', {
  cwd: ROOT,
  exclude: (path) => /(^|\/)(node_modules|dist|build|assembly|\.tap|\.jobico)(\/|$)/.test(path),
})
  .filter((file) => !TESTS.test(file))
  .sort()
const sources = new Map(files.map((file) => [file, parse(file)]))
const imports = [...sources].flatMap(([file, source]) => importsOf(file, source))

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true)
}

function importsOf(from: string, source: ts.SourceFile): Import[] {
  const found: Import[] = []
  const add = (specifier: string, names: readonly string[], typesOnly: boolean) => {
    const to = specifier.startsWith('.') ? normalize(join(dirname(from), specifier)) : specifier
    found.push({ from, to, names, typesOnly })
  }
  const visit = (node: ts.Node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined)
      add((node.moduleSpecifier as ts.StringLiteral).text, namesOf(node), isTypesOnly(node))
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments
      if (argument !== undefined && ts.isStringLiteral(argument)) add(argument.text, [], false)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function namesOf(node: ts.ImportDeclaration | ts.ExportDeclaration): string[] {
  const bindings = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : node.exportClause
  if (bindings === undefined || !('elements' in bindings)) return []
  return bindings.elements.map((element) => (element.propertyName ?? element.name).text)
}

function isTypesOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly
  const clause = node.importClause
  if (clause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const bindings = clause?.namedBindings
  if (
    clause === undefined ||
    clause.name !== undefined ||
    bindings === undefined ||
    !ts.isNamedImports(bindings)
  )
    return false
  return bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly)
}

/** The folder of the layout that a file is in. */
function unitOf(file: string): string {
  const [top = '', inner = ''] = file.split('/')
  return top === 'functions' ? `${top}/${inner}` : top
}

t.ok(files.includes(CONNECTS), 'the sources are found')

t.test('folders import only what they may', (t) => {
  const wrong = imports
    .filter(({ to }) => sources.has(to) || to.endsWith('.json'))
    .filter(
      ({ from, to }) => unitOf(from) !== unitOf(to) && !(ALLOWED[unitOf(from)] ?? []).includes(unitOf(to)),
    )
    .map(({ from, to }) => `${from} imports ${to}`)
  t.same(wrong, [])
  t.end()
})

t.test('subfolders import only what they may', (t) => {
  const wrong = Object.entries(ROOMS).flatMap(([folder, rooms]) => {
    const roomOf = (file: string) => {
      const [room = '', ...rest] = file.startsWith(`${folder}/`)
        ? file.slice(folder.length + 1).split('/')
        : []
      return rest.length > 0 ? room : undefined
    }
    const found = new Set(files.map(roomOf).filter((room) => room !== undefined))
    const unlisted = [...found]
      .filter((room) => !(room in rooms))
      .map((room) => `${folder}/${room} is not listed`)
    const forbidden = imports.filter(({ from, to }) => {
      const [source, target] = [roomOf(from), roomOf(to)]
      return (
        source !== undefined && target !== undefined && source !== target && !rooms[source]?.includes(target)
      )
    })
    return [...unlisted, ...forbidden.map(({ from, to }) => `${from} imports ${to}`)]
  })
  t.same(wrong, [])
  t.end()
})

t.test('no folder has more than 20 sources', (t) => {
  const counts = Map.groupBy(files, dirname)
  const crowded = [...counts].filter(([, sources]) => sources.length > 20).map(([folder]) => folder)
  t.same(crowded, [])
  t.end()
})

t.test('no file imports itself by way of others', (t) => {
  const edges = Map.groupBy(
    imports.filter(({ to, typesOnly }) => sources.has(to) && !typesOnly),
    ({ from }) => from,
  )
  const cleared = new Set<string>()
  const cycleFrom = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (cleared.has(file)) return undefined
    for (const { to } of edges.get(file) ?? []) {
      const cycle = cycleFrom(to, [...path, file])
      if (cycle !== undefined) return cycle
    }
    cleared.add(file)
    return undefined
  }
  const cycles = files.map((file) => cycleFrom(file, [])).filter((cycle) => cycle !== undefined)
  t.same(cycles, [])
  t.end()
})

t.test('some packages have one importer', (t) => {
  const wrong = imports
    .filter(({ typesOnly }) => !typesOnly)
    .filter(({ from, to }) =>
      Object.entries(ONLY_IMPORTERS).some(
        ([start, importer]) => to.startsWith(start) && !from.startsWith(importer),
      ),
    )
    .map(({ from, to }) => `${from} imports ${to}`)
  const connecting = imports
    .filter(
      ({ from, to, names }) =>
        to === '@nats-io/transport-node' && names.includes('connect') && from !== CONNECTS,
    )
    .map(({ from }) => `${from} connects to NATS`)
  t.same([...wrong, ...connecting], [])
  t.end()
})

t.test('only configuration reads the environment', (t) => {
  const readers = [...sources]
    .filter(([file, source]) => !MAY_READ_ENVIRONMENT.test(file) && readsEnvironment(source))
    .map(([file]) => file)
  t.same(readers, [])
  t.end()
})

function readsEnvironment(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node) && node.getText() === 'process.env') return true
  return ts.forEachChild(node, readsEnvironment) ?? false
}

t.test('commands print by scripts/cli/terminal, which lets nothing act on the terminal', (t) => {
  const printers = [...sources]
    .filter(([file]) => /^scripts\/(cli|dev|job-files|module-testing)\//.test(file))
    .filter(([file]) => !file.startsWith('scripts/cli/terminal/'))
    .filter(([, source]) => /\bprocess\.std(out|err)\.write\b|\bconsole\./.test(source.text))
    .map(([file]) => file)
  t.same(printers, [])
  t.end()
})
