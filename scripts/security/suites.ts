/** Test files that attack one thing. */
export interface Suite {
  /** By which it is chosen on the command line. */
  readonly name: string
  readonly attack: string
  readonly bound: string
  readonly files: readonly string[]
}

/** All attacks but those that need a cluster, which `npm run test:e2e` runs. The short ones come first. */
export const SUITES: readonly Suite[] = [
  {
    name: 'request',
    attack: 'bytes that are meant to trick a listener',
    bound: 'one answer each; nothing is stored, or exactly what was sent',
    files: [
      'functions/listener/http/hostile-requests.int.test.ts',
      'functions/listener/http/size.int.test.ts',
    ],
  },
  {
    name: 'unreadable',
    attack: 'messages that this version can not read',
    bound: 'each becomes a dead letter that holds it',
    files: ['functions/runner/unreadable.int.test.ts'],
  },
  {
    name: 'identity',
    attack: 'each part of a namespace, at NATS',
    bound: '0 requests to a foreign namespace have an effect',
    files: ['functions/identity/matrix.int.test.ts'],
  },
  {
    name: 'schema',
    attack: 'schemas and data that cost much to check',
    bound: 'within steps and memory',
    files: [
      'schemas/hostile.test.ts',
      'operator/checks/check-process.test.ts',
      'operator/checks/checker.test.ts',
    ],
  },
  {
    name: 'sink',
    attack: 'sinks at the machine itself, the API server, or the metadata of clouds',
    bound: 'no result is sent there',
    files: [
      'functions/process/never-sinks.test.ts',
      'functions/runner/outputs/outputs.test.ts',
      'operator/resolve/reach.test.ts',
    ],
  },
  {
    name: 'yaml',
    attack: 'Job files with many aliases, anchors and keys',
    bound: 'refused, or read in a time that grows with the length',
    files: ['scripts/job-files/document-bounds.test.ts'],
  },
  {
    name: 'folder',
    attack: 'a cloned folder under jobico build, test and dev',
    bound: 'nothing of it is run, followed or believed',
    files: [
      'scripts/dev/hostile-folder.int.test.ts',
      'scripts/dev/state-dir.test.ts',
      'scripts/dev/instance.int.test.ts',
      'scripts/user-cache.test.ts',
    ],
  },
  {
    name: 'page',
    attack: 'pages of others in a browser, and what servers and guests print',
    bound: 'no event is sent; the terminal shows text only',
    files: [
      'scripts/dev/gateway/stranger.test.ts',
      'scripts/dev/gateway/gateway.test.ts',
      'scripts/dev/output/printable.test.ts',
    ],
  },
  {
    name: 'guest',
    attack: 'hostile modules',
    bound: 'each ends its own event only',
    files: [
      'functions/guests/hostile/deadline.test.ts',
      'functions/guests/hostile/lies.test.ts',
      'functions/guests/hostile/modules.test.ts',
      'functions/guests/hostile/traps.test.ts',
      'functions/guests/hostile/health.int.test.ts',
    ],
  },
  {
    name: 'memory',
    attack: 'modules that make the host allocate',
    bound: 'the process lives within the limit of its pod',
    files: ['functions/runner/workers/memory.int.test.ts'],
  },
  {
    name: 'client',
    attack: 'slow clients of a listener',
    bound: 'others are served, and it is rid of them',
    files: ['functions/listener/http/slow-clients.int.test.ts'],
  },
  {
    name: 'connection',
    attack: '1,000 hostile connections of each kind at a listener',
    bound: 'honest senders: none refused, none lost; memory of a pod',
    files: ['functions/listener/attack/attack.int.test.ts'],
  },
  {
    name: 'tenant',
    attack: 'two hostile tenants on one nats-server',
    bound: 'a third one: none refused, none lost',
    files: ['scripts/security/tenants.security.test.ts'],
  },
]
