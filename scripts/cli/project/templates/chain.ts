import { jobDocument, json, schemaDocument, type Project } from './common.ts'

/** Two events of one Job: the result of the first is the data of the second. */
export function chain(name: string): Project {
  return {
    event: 'signup',
    about:
      'A Jobico Job of two functions: the result of `signup` is the data of an event `welcome`. Both have a module in `assembly/`.',
    rows: [
      ['assembly/signup.ts', 'the module of signup, in AssemblyScript'],
      ['assembly/welcome.ts', 'the module of welcome'],
    ],
    files: {
      'job.yaml':
        jobDocument(name, EVENTS) + schemaDocument('signup', SIGNUP) + schemaDocument('welcome', ACCOUNT),
      'assembly/signup.ts': SIGNUP_MODULE,
      'assembly/welcome.ts': WELCOME_MODULE,
      'event.json': json({ email: ' Ada@Example.com', name: 'Ada Lovelace' }),
      'expected.json': json({ to: 'ada@example.com', text: 'Welcome, Ada!' }),
      'examples/welcome/grace.json': json({ email: 'grace@example.com', firstName: 'Grace' }),
      'examples/welcome/grace.expected.json': json({ to: 'grace@example.com', text: 'Welcome, Grace!' }),
      'test/signup.test.mjs': TEST,
    },
  }
}

const EVENTS = `    - name: signup
      wasm: signup.wasm # made from assembly/signup.ts
      schema:
        key: schema-signup
      output:
        event: welcome # runs on the result
    - name: welcome
      wasm: welcome.wasm # made from assembly/welcome.ts
      schema:
        key: schema-welcome
`

const SIGNUP = {
  type: 'object',
  properties: { email: { type: 'string', minLength: 3 }, name: { type: 'string', minLength: 1 } },
  required: ['email', 'name'],
}

const ACCOUNT = {
  type: 'object',
  properties: { email: { type: 'string', minLength: 3 }, firstName: { type: 'string', minLength: 1 } },
  required: ['email', 'firstName'],
}

const SIGNUP_MODULE = `import { encode, parseEvent } from "jobico"

@json
class Signup {
  email: string
  name: string
}

@json
class Account {
  constructor(
    readonly email: string,
    readonly firstName: string,
  ) {}
}

// Returns the data of the next event: job.yaml names it under output.
export function handle(text: string): string | null {
  const signup = parseEvent(text).decode<Signup>()
  return encode(new Account(signup.email.trim().toLowerCase(), signup.name.split(" ")[0]))
}
`

const WELCOME_MODULE = `import { Json, parseEvent } from "jobico"

export function handle(text: string): string | null {
  const account = parseEvent(text).data
  return Json.object()
    .set("to", account.string("email"))
    .set("text", \`Welcome, \${account.string("firstName")}!\`)
    .toString()
}
`

const TEST = `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadGuest } from 'jobico/testing'

const signup = await loadGuest('build/signup.wasm')

test('makes an account of a signup', () => {
  const { data } = signup.run({ data: { email: 'X@Example.com ', name: 'Xi Li' } })
  assert.deepEqual(data, { email: 'x@example.com', firstName: 'Xi' })
})
`
