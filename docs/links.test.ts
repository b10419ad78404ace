import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

import t from 'tap'

const ROOT = join(import.meta.dirname, '..')
const PAGES = [
  'README.md',
  'SECURITY.md',
  'docs/**/*.md',
  'wasm-examples/*/README.md',
  'scripts/cluster/README.md',
]
const FENCED = /^```[^]*?^```$/gm

/** The text of a page without its code. */
function textOf(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8').replaceAll(FENCED, '')
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const headings = [...textOf(page).matchAll(/^#+ +(.*)$/gm)].map(([, heading = '']) => heading)
  return new Set(headings.map(anchorOf))
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

/** The links of a page that lead nowhere in this repository. */
function brokenLinks(page: string): string[] {
  const prose = textOf(page).replaceAll(/`[^`\n]*`/g, '')
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : normalize(join(dirname(page), path))
      if (!existsSync(join(ROOT, file))) return true
      return anchor !== undefined && !anchorsOf(file).has(anchor)
    })
}

t.test('every link of the pages leads to a file or heading that is there', (t) => {
  const pages = globSync(PAGES, { cwd: ROOT })
  t.ok(pages.includes('README.md'))
  t.same(
    pages.flatMap((page) => brokenLinks(page).map((target) => `${page}: ${target}`)),
    [],
  )
  t.end()
})

t.test('the list of pages has every page', (t) => {
  const index = textOf('docs/README.md')
  const missing = globSync('**/*.md', { cwd: join(ROOT, 'docs') })
    .filter((page) => page !== 'README.md')
    .filter((page) => !index.includes(`](${page})`))
  t.same(missing, [])
  t.end()
})

t.test('the README is short', (t) => {
  t.ok(readFileSync(join(ROOT, 'README.md'), 'utf8').split('\n').length <= 151)
  t.end()
})
