import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Transform } from 'assemblyscript/asc'
import { JobicoError } from '../functions/process/errors.ts'
import { compilerHints } from './compiler-hints.ts'
import { JsonClasses } from './json-classes/transform.ts'
import { replaceFile } from './replace-file.ts'
import { withSourceMap } from './source-map.ts'

/** What to compile. Paths are absolute, or relative to the working directory. */
export interface CompileOptions {
  /** The source with the module's entry, such as `assembly/index.ts`. */
  readonly entry: string
  /** The .wasm file to write; its folder is created. */
  readonly out: string
  /** The folder of the SDK that `from "jobico"` imports; by default the one in this package. */
  readonly sdkDir?: string
  /** Whether to optimize the module, which takes most of the time; true by default. */
  readonly optimize?: boolean
  /** Called for each file that the compiler looks for, with its text, or null where there is none. */
  readonly onRead?: (path: string, text: string | null) => void
}

// The incremental collector costs an event some 20 µs more than the stub, which never frees: a loop that adds up
// strings would end there as a trap at the Job's memory. An exported start lets globals call the SDK. The names of
// functions (--debug) and their lines are for the reason of a trap.
const COMPILER_FLAGS = [
  ...['--debug', '--sourceMap', '--exportRuntime', '--exportStart', '_initialize'],
  ...['--runtime', 'incremental', '--noColors'],
]

// Held against paths relative to the project, which may itself be below node_modules/jobico.
const SDK_IMPORT = /^(?:.*[\\/])?node_modules[\\/]jobico[\\/]/

/**
 * Compiles an AssemblyScript module and replaces `out` in one step. The import "jobico" is the SDK, whatever is installed
 * beside the module. Returns the compiler's warnings in `diagnostics`. When the module does not compile, leaves `out` alone
 * and throws MODULE_INVALID with `file:line:column` of each fault, and hints at what to write instead. Reads no asconfig.json.
 */
export async function compileAssemblyScript(options: CompileOptions): Promise<{ diagnostics: string }> {
  const entry = resolve(options.entry)
  const baseDir = projectDir(entry)
  const sources = sourceReader(options.sdkDir ?? sdkDir(), options.onRead)
  const { main, createMemoryStream } = await import('assemblyscript/asc')
  const messages = createMemoryStream()

  let binary: Uint8Array | undefined
  let sourceMap = ''
  const level = options.optimize === false ? '-O0' : '-O3'
  const place = [entry, '--baseDir', baseDir, '--outFile', 'module.wasm']
  const { error } = await main([...place, level, ...COMPILER_FLAGS], {
    stderr: messages,
    transforms: [new JsonClasses() as unknown as Transform], // any object with a hook will do
    readFile: sources,
    writeFile: (_name, contents) => {
      if (typeof contents === 'string') sourceMap = contents
      else binary = contents
    },
  })
  const diagnostics = withPaths(messages.toString(), baseDir).trim()
  if (error !== null || binary === undefined) {
    const lines = [`${shownPath(entry)} does not compile:`, diagnostics, ...compilerHints(diagnostics)]
    throw new JobicoError('MODULE_INVALID', lines.join('\n'))
  }
  await replaceFile(resolve(options.out), withSourceMap(binary, sourceMap))
  return { diagnostics }
}

/** The folder of the SDK in this package. Works from the sources and from a bundle in `dist`. */
export function sdkDir(): string {
  let dir = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(dir, 'wasm-examples', 'sdk', 'assembly'))) {
    if (dir === dirname(dir))
      throw new JobicoError(
        'CONFIG_INVALID',
        'The SDK is missing from this installation; install jobico again',
      )
    dir = dirname(dir)
  }
  return join(dir, 'wasm-examples', 'sdk')
}

/** The folder that the compiler's paths are relative to: a trap's message should say `assembly/index.ts`, not `index.ts`. */
function projectDir(entry: string): string {
  const folder = dirname(entry)
  return basename(folder) === 'assembly' ? dirname(folder) : folder
}

function sourceReader(sdk: string, onRead: CompileOptions['onRead']) {
  return async (name: string, baseDir: string): Promise<string | null> => {
    if (basename(name) === 'asconfig.json') return null
    const path = resolve(
      baseDir,
      name.replace(SDK_IMPORT, () => `${resolve(sdk)}/assembly/`),
    )
    const text = await readFile(path, 'utf8').catch(() => null) // the compiler tries one place after another
    onRead?.(path, text)
    return text
  }
}

function withPaths(text: string, baseDir: string): string {
  return text.replaceAll(
    /\bin (?!~lib)(.+)\((\d+),(\d+)\)$/gm,
    (_, file: string, line: string, column: string) =>
      `in ${shownPath(resolve(baseDir, file))}:${line}:${column}`,
  )
}

function shownPath(path: string): string {
  const near = relative(process.cwd(), path)
  return near.startsWith('..') ? path : near
}
