import { buildRecords } from '../../dev/compiler/build-record.ts'
import { createCompiler } from '../../dev/compiler/compiler.ts'
import { createCompile, type NamedModule } from '../../dev/compiler/prepare.ts'
import { tell } from '../terminal/output.ts'

/**
 * Compiles modules to deploy, each only if its sources changed. Compiler warnings go to standard error. Throws one
 * MODULE_INVALID with all faults.
 */
export async function compileModules(modules: readonly NamedModule[]): Promise<void> {
  const compiler = createCompiler({ optimize: true })
  try {
    const compile = createCompile(compiler, {
      records: buildRecords(process.env),
      warn: (text) => tell(`warning: ${text}`),
    })
    await compile(modules)
  } finally {
    await compiler.close()
  }
}
