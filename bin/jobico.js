#!/usr/bin/env node
// Plain JavaScript that any Node from 20 on can start. When that Node is too old for Jobico, this starts the Node 24 that is
// installed with the package.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const OLDEST = [22, 19]

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(root, 'scripts', 'jobico.ts')
// The npm package has no sources. A clone always runs its sources, even if it has a `dist`.
const isClone = existsSync(source)
/** They are passed on to the program, which ends in its own way. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
const entry = isClone ? source : join(root, 'dist', 'jobico.js')

if (isRecent(process.versions.node) && !isClone) {
  followNpm(() => process.kill(process.pid, 'SIGTERM'))
  await import(pathToFileURL(entry).href)
} else run(ownNode())

function isRecent(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
}

/** The Node that npm installed with this package: an optional dependency, one for each platform. */
function ownNode() {
  try {
    const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
    const manifest = createRequire(import.meta.url).resolve(`${platform}/package.json`)
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
    const program = join(dirname(manifest), bin.node)
    if (existsSync(program)) return program
  } catch {
    // Reported below.
  }
  if (isRecent(process.versions.node)) return process.execPath
  const needed = OLDEST.join('.')
  process.stderr.write(
    `error: Jobico needs Node ${needed} or later, this is ${process.versions.node}, and the one that comes with the package is not there; install a newer Node, or, on Linux and Windows, install the package again without --omit=optional\n`,
  )
  process.exit(1)
}

/** Runs the entry in another process. That ends with this one: signals are passed on, or its IPC channel closes. */
function run(node) {
  const child = spawn(node, [entry, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
  followNpm(() => child.kill('SIGTERM'))
  child.on('error', (fault) => {
    process.stderr.write(`error: ${node} can not be started (${fault.message}); install the package again\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    for (const name of SIGNALS) process.removeAllListeners(name)
    process.kill(process.pid, signal)
  })
}

/**
 * Calls `end` when the npm or npx that started this has ended: it starts programs through a shell, and does not pass signals
 * on to them.
 */
function followNpm(end) {
  if (process.env.npm_command === undefined) return
  const starters = startersOfThis()
  const timer = setInterval(() => {
    if (startersOfThis() === starters) return
    clearInterval(timer)
    end()
  }, 500)
  timer.unref()
}

/** The pid of the process that started this one and, when that is a shell, also of the one that started the shell. */
function startersOfThis() {
  const parent = String(process.ppid)
  try {
    const isShell = readFileSync(`/proc/${parent}/comm`, 'utf8').trimEnd().endsWith('sh')
    const stat = readFileSync(`/proc/${parent}/stat`, 'utf8')
    return isShell ? `${parent} ${stat.slice(stat.lastIndexOf(')')).split(' ')[2]}` : parent
  } catch {
    return parent // no /proc here
  }
}
