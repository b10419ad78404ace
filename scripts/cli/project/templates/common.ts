import type { Dependency } from '../own-package.ts'

/** A project that `jobico init` can make. */
export interface Project {
  /** The event to which `event.json` is sent. */
  readonly event: string
  /** First paragraph of the README: what the project does. */
  readonly about: string
  /** Rows of the README's table of files, in addition to those of all projects. */
  readonly rows: readonly (readonly [file: string, what: string])[]
  /** Its own files, by path. */
  readonly files: Readonly<Record<string, string>>
}

/** The text of a file of JSON. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** The files that every project has, by path. Pure. */
export function commonFiles(
  name: string,
  project: Project,
  jobico: Dependency,
): Readonly<Record<string, string>> {
  return {
    'package.json': json({
      name,
      private: true,
      type: 'module',
      scripts: {
        dev: 'jobico dev',
        build: 'jobico build',
        test: 'jobico test && node --test',
        deploy: 'jobico deploy',
      },
      devDependencies: { jobico: jobico.spec },
      allowScripts: { node: true }, // npm asks: it brings the Node that Jobico runs on
    }),
    'assembly/tsconfig.json': json({ extends: '../.jobico/tsconfig.json', include: ['./**/*.ts'] }),
    '.vscode/extensions.json': json({ recommendations: ['redhat.vscode-yaml'] }),
    '.vscode/settings.json': json({
      'yaml.validate': true, // by the schema that the first line of job.yaml names
      'files.watcherExclude': { '**/.jobico/**': true, '**/build/**': true },
    }),
    '.gitignore': '.jobico/\nbuild/\nnode_modules/\n',
    'README.md': readme(name, project, jobico),
  }
}

/** The document of the Job in a Job file; `events` is YAML, indented by four blanks. */
export function jobDocument(name: string, events: string): string {
  return `# yaml-language-server: $schema=.jobico/job.schema.json
apiVersion: jobico.coeux.dev/v1
kind: Job
metadata:
  name: ${name}
spec:
  events:
${events}`
}

/** The ConfigMap of a schema, as another document of a Job file. */
export function schemaDocument(event: string, schema: object): string {
  const text = JSON.stringify(schema, null, 2).replaceAll(/^/gm, '    ')
  return `---
# yaml-language-server: $schema=
apiVersion: v1
kind: ConfigMap
metadata:
  name: schema-${event}
data:
  schema-${event}.json: |
${text}
`
}

function readme(name: string, { event, about, rows }: Project, { spec, tarball }: Dependency): string {
  const ownFile = tarball === undefined ? [] : [[tarball, 'Jobico itself; `npm install` takes it from here']]
  const all = [
    ['job.yaml', "the Job, and the JSON Schema of each event's data"],
    ...rows,
    ['event.json, expected.json', 'an example event, and its expected result'],
    ['test/', 'tests of the modules with plain Node'],
    ...ownFile,
  ]
  return `# ${name}

${about}

\`\`\`sh
npx jobico dev                                       # compiles and serves it; reloads when a file is saved
${`npx jobico send ${event} --file event.json --wait`.padEnd(53)}# in another terminal: prints the result
npm test                                             # runs the examples, then test/
\`\`\`

| file | what it is |
|---|---|
${all.map(([file = '', what = '']) => `| \`${file.replaceAll(', ', '`, `')}\` | ${what} |`).join('\n')}

More examples go into \`examples/<event>/<name>.json\`, with \`<name>.expected.json\` beside each; \`npx jobico test --update\`
writes these files. \`jobico\` makes \`.jobico/\`, \`build/\` and the link \`node_modules/jobico\`; you can delete them.
${installText(spec)}`
}

function installText(spec: string): string {
  const start = '\nIn another copy of this folder run `npm install` first. '
  if (!spec.startsWith('file:/')) return `${start}It brings the Jobico that \`package.json\` names.\n`
  return `${start}It takes Jobico from a clone of its repository,
\`${spec.slice('file:'.length)}\`. For another machine run \`npm pack\` there, put the tarball that it makes into this folder, and run
\`npm install --save-dev ./jobico-<version>.tgz\`.
`
}
