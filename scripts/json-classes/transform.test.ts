import { join } from 'node:path'
import t from 'tap'
import { compileAssemblyScript } from '../assemblyscript.ts'
import { jsonMethods } from './code.ts'

const HANDLE = 'export function handle(text: string): string | null {\n  return null\n}\n'

const faults = [
  {
    name: 'a function',
    source: '@json class A {\n  f: () => void\n}',
    message: /f is of a type that JSON does not have[^]*:2:6/,
  },
  {
    name: 'a map',
    source: '@json class A {\n  m: Map<string, i32>\n}',
    message: /m is a Map, which JSON does not have: make it an array, a class with @json, or Json[^]*:2:6/,
  },
  {
    name: 'a map in an array',
    source: '@json class A {\n  m: Map<string, i32>[] = []\n}',
    message: /m is a Map/,
  },
  {
    name: 'a typed array',
    source: '@json class A {\n  b: Uint8Array | null\n}',
    message: /b is a Uint8Array/,
  },
  {
    name: 'a class that is not for JSON',
    source: 'class B {}\n@json class A {\n  b: B\n}',
    message: /b is a B, which is not for JSON: put @json before class B[^]*:3:6/,
  },
  {
    name: 'in a namespace',
    source: 'class B {}\nnamespace N {\n  @json export class A {\n  b: B[]\n}\n}',
    message: /b is a B/,
  },
  {
    name: 'a base that is not for JSON',
    source: 'class B {}\n@json class A extends B {}',
    message: /A extends B, which is not for JSON: put @json before class B[^]*:2:13/,
  },
  {
    name: 'a name that is there twice',
    source: '@json class A {\n  a: i32\n  @key("a") b: i32\n}',
    message: /two members have the JSON name a: rename one of them[^]*:1:13/,
  },
  {
    name: 'a name that is no string',
    source: '@json class A {\n  @key(1) a: i32\n}',
    message: /@key needs the name in JSON as a string, such as @key\("order-id"\)[^]*:2:3/,
  },
  {
    name: 'what nobody sets',
    source: '@json class A {\n  private b: string\n}',
    message: /b needs an initial value, because decode calls no constructor[^]*:2:14/,
  },
]

t.test('what JSON can not have is an error at the member', async (t) => {
  for (const { name, source, message } of faults) {
    const dir = t.testdir({ 'index.ts': `${source}\n${HANDLE}` })
    const options = { entry: join(dir, 'index.ts'), out: join(dir, 'x.wasm') }
    await t.rejects(compileAssemblyScript(options), { code: 'MODULE_INVALID', message }, name)
  }
})

t.test('a type that decode does not take', async (t) => {
  const source = `import { decode } from "jobico"\nclass Plain {}\n${HANDLE.replace('return null', 'decode<Plain>(text)\nreturn null')}`
  const dir = t.testdir({ 'index.ts': source })
  const options = { entry: join(dir, 'index.ts'), out: join(dir, 'x.wasm') }
  const message =
    /JSON is read into booleans, numbers, strings, Json, classes with @json, and arrays of those/
  await t.rejects(compileAssemblyScript(options), { code: 'MODULE_INVALID', message })
})

t.test('the methods of a class', (t) => {
  const member = { field: 'a', key: 'a', type: 'i32', isNullable: false, initial: undefined }
  const cases = [
    { member, read: 'json.required<i32>("a")', writes: true },
    {
      member: { ...member, initial: '1 + 2' },
      read: 'json.contains("a") ? json.required<i32>("a") : (1 + 2)',
      writes: true,
    },
    {
      member: { ...member, type: 'B | null', isNullable: true },
      read: 'json.optional<B | null>("a")',
      writes: true,
    },
    { member: { ...member, key: 'x"y' }, read: String.raw`json.required<i32>("x\"y")`, writes: true },
    { member: { ...member, key: undefined, initial: '3' }, read: '(3)', writes: false },
    { member: { ...member, key: undefined }, read: undefined, writes: false },
  ]
  for (const { member: one, read, writes } of cases) {
    const code = jsonMethods({ type: 'A', extendsJson: false, members: [one] })
    const assigned = `offsetof<A>("a"), ${read ?? ''})\n`
    t.equal(code.includes('json.assign<'), read !== undefined)
    if (read !== undefined) t.ok(code.includes(assigned), assigned)
    t.equal(code.includes('json.member<'), writes)
  }
  t.match(
    jsonMethods({ type: 'A', extendsJson: true, members: [] }),
    /override jobicoRead[^]*super\.jobicoRead\(json\)/,
  )
  t.end()
})
