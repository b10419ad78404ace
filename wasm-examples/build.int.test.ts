import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { startGuest } from '../functions/guests/guest.fixture.ts'
import { EXAMPLES_DIR, sampleNames } from '../scripts/build-examples.ts'
import { debianFile } from '../scripts/testing/debian.ts'
import { mustRun, runProgram } from '../scripts/testing/program.ts'

/** The compilers of Debian 12 that the build scripts name, and the libraries that these are linked with. */
const TOOLCHAIN = [
  ...['clang-14', 'libclang-cpp14', 'libclang-common-14-dev', 'libllvm14', 'lld-14'],
  ...['wasi-libc', 'libclang-rt-14-dev-wasm32', 'rustc', 'libstd-rust-1.63', 'libstd-rust-dev-wasm32'],
  ...['libbsd0', 'libedit2', 'libffi8', 'libicu72', 'libmd0', 'libtinfo6', 'libxml2', 'libz3-4'],
] as const
const CLANG = 'usr/lib/llvm-14/bin/clang'
const LIBRARIES = ['usr/lib/llvm-14/lib', 'usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']
const MOST_BYTES = 64 * 1024 // of a module that is kept in Git

/** Only a Debian 12 on x86-64 has the packages; CI's machines are of that kind. */
function whyNot(): string | undefined {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  const isBookworm = /^VERSION_CODENAME=bookworm$/m.test(release) && process.arch === 'x64'
  return isBookworm || process.env['CI'] === 'true' ? undefined : 'it takes a Debian 12 on x86-64'
}

/** Folders with a build.sh: samples, and the programs with which guests are tested. */
const PROGRAMS = join(import.meta.dirname, '..', 'functions', 'guests', 'programs')
const MODULES_PAGE = join(import.meta.dirname, '..', 'docs', 'modules.md')

async function builtSamples() {
  const names = await sampleNames()
  return names.filter((name) => existsSync(join(EXAMPLES_DIR, name, 'build.sh')))
}

/** The environment in which Debian's compilers are on PATH, without being installed. */
async function compilers() {
  const cache = join(import.meta.dirname, 'build')
  const clang = await debianFile(cache, { packages: [...TOOLCHAIN], name: 'clang' })
  const root = clang.slice(0, -CLANG.length - 1)
  return {
    PATH: [join(root, 'usr', 'bin'), process.env['PATH']].join(':'),
    DEBIAN_ROOT: root,
    LD_LIBRARY_PATH: LIBRARIES.map((folder) => join(root, folder)).join(':'),
  }
}

t.test('a build script names the packages that are missing', async (t) => {
  const scripts = (await builtSamples()).map((sample) => join(EXAMPLES_DIR, sample, 'build.sh'))
  for (const script of [...scripts, join(PROGRAMS, 'build.sh')]) {
    const out = join(t.testdir({}), 'out.wasm')
    const environment = { PATH: process.env['PATH'], DEBIAN_ROOT: t.testdirName }
    const { code, stdout, stderr } = await runProgram(script, [out], { environment })
    t.match({ code, stdout }, { code: 1, stdout: '' }, script)
    t.match(stderr, /^Packages of Debian 12 are missing: apt-get install \S+( \S+)+\n$/, script)
    t.notOk(existsSync(out))
  }
})

t.test(
  'the modules that are committed are what their sources are compiled to',
  { skip: whyNot() ?? false },
  async (t) => {
    const samples = await builtSamples()
    t.strictSame(samples, ['mask', 'readings'])
    const environment = await compilers()
    for (const sample of samples) {
      const out = join(t.testdir({}), `${sample}.wasm`)
      await mustRun(join(EXAMPLES_DIR, sample, 'build.sh'), [out], { cwd: dirname(out), environment })
      const committed = readFileSync(join(EXAMPLES_DIR, sample, `${sample}.wasm`))
      t.ok(
        readFileSync(out).equals(committed),
        `${sample}: run wasm-examples/${sample}/build.sh and commit its module`,
      )
      t.ok(committed.length <= MOST_BYTES, `${sample} has ${committed.length} bytes`)
    }
    const folder = t.testdir({})
    await mustRun(join(PROGRAMS, 'build.sh'), [folder], { environment })
    for (const name of ['panics.wasm', 'writer.wasm'])
      t.ok(
        readFileSync(join(folder, name)).equals(readFileSync(join(PROGRAMS, name))),
        `${name}: run functions/guests/programs/build.sh and commit its modules`,
      )
  },
)

t.test("the documented commands for Debian's Rust", { skip: whyNot() ?? false }, async (t) => {
  const page = readFileSync(MODULES_PAGE, 'utf8')
  const commands = [...page.matchAll(/^rustc (?:.*\\\n)*.*-C linker=wasm-ld-14.*$/gm)].map(
    ([command]) => command,
  )
  t.equal(commands.length, 2)
  const folder = t.testdir({
    'main.rs': /```rust\n([^]*?)```/.exec(page)?.[1] ?? '',
    src: t.fixture('symlink', join(EXAMPLES_DIR, 'mask', 'src')),
  })
  const environment = await compilers()
  for (const command of commands) await mustRun('sh', ['-c', command], { cwd: folder, environment })
  const greet = startGuest(readFileSync(join(folder, 'greet.wasm')), { events: ['audit'] })
  const emitted = [{ event: 'audit', data: '{"order":7}' }]
  t.same(greet.run('1'), { kind: 'ok', data: '{"accepted":true}', emitted })
  t.equal(startGuest(readFileSync(join(folder, 'mask.wasm'))).abi, 'jobico')
})
