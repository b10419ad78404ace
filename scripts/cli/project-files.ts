/** The projects that `jobico init` can make. */
export const TEMPLATES = ['minimal'] as const

/** One of TEMPLATES. */
export type Template = (typeof TEMPLATES)[number]

/** The files of a new project, by path; `name` is the Job's. Pure. */
export function projectFiles(name: string, template: Template): Readonly<Record<string, string>> {
  return MAKERS[template](name)
}

const MAKERS: Readonly<Record<Template, (name: string) => Readonly<Record<string, string>>>> = {
  minimal: (name) => ({
    'job.yaml': jobFile(name),
    'assembly/index.ts': MODULE,
    'assembly/tsconfig.json': `${JSON.stringify({ extends: '../.jobico/tsconfig.json', include: ['./**/*.ts'] }, null, 2)}\n`,
    'event.json': `${JSON.stringify({ name: 'Ada' }, null, 2)}\n`,
    'README.md': readme(name),
    '.gitignore': '.jobico/\nbuild/\n',
  }),
}

function jobFile(name: string): string {
  return `# yaml-language-server: $schema=.jobico/job.schema.json
apiVersion: jobico.coeux.dev/v1
kind: Job
metadata:
  name: ${name}
spec:
  events:
    - name: hello
      wasm: ${name}.wasm # made from assembly/index.ts
      schema:
        key: schema-hello
      timeoutSeconds: 10
      retry:
        maxAttempts: 5
---
# yaml-language-server: $schema=
apiVersion: v1
kind: ConfigMap
metadata:
  name: schema-hello
data:
  schema-hello.json: |
    {
      "type": "object",
      "properties": {
        "name": { "type": "string", "minLength": 1, "maxLength": 100 }
      },
      "required": ["name"]
    }
`
}

const MODULE = `import { Json, log, parseEvent } from "jobico"

// Called with each event that passed the schema. What it gives back, as JSON text, is the data of the result.
// reject("why") ends an event for good; retry("why") asks for another attempt.
export function handle(text: string): string | null {
  const event = parseEvent(text)
  const name = event.data.string("name")
  log.info(\`Greeting \${name}\`)
  return Json.object().set("greeting", \`Hello, \${name}!\`).toString()
}
`

function readme(name: string): string {
  return `# ${name}

A Jobico Job: events named \`hello\` go through the module in \`assembly/\`.

\`\`\`sh
npx jobico dev                                     # compiles and serves it; reloads when a file is saved
npx jobico send hello --file event.json --wait     # prints the result
\`\`\`

| file | what it is |
|---|---|
| \`job.yaml\` | the Job, and the JSON Schema of its event's data |
| \`assembly/index.ts\` | the module, in AssemblyScript |
| \`event.json\` | data to try it with |

\`.jobico/\` and \`build/\` are made by \`jobico\` and need not be kept.
`
}
