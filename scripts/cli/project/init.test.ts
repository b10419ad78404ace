import t from 'tap'

import { addedLines } from './added-lines.ts'
import { dependencyOn } from './own-package.ts'

t.test('how a new project asks for the Jobico that made it', (t) => {
  const own = { version: '1.2.3', root: '/x/node_modules/jobico', isClone: false }
  const tarball = { spec: 'file:jobico-1.2.3.tgz', tarball: 'jobico-1.2.3.tgz' }
  const cases = [
    { resolved: 'https://registry.example/jobico/-/jobico-1.2.3.tgz', want: { spec: '1.2.3' } },
    { resolved: 'https://npm.example/a/b/jobico/-/jobico-1.2.3.tgz', want: { spec: '1.2.3' } },
    { resolved: 'https://example/d/jobico-1.2.3.tgz', want: { spec: 'https://example/d/jobico-1.2.3.tgz' } },
    { resolved: 'git+ssh://git@host/a/b.git#c0ffee', want: { spec: 'git+ssh://git@host/a/b.git#c0ffee' } },
    { resolved: 'file:../jobico-1.2.3.tgz', want: tarball },
    { resolved: undefined, want: tarball },
  ]
  for (const { resolved, want } of cases)
    t.strictSame(dependencyOn({ ...own, resolved }), want, String(resolved))
  t.strictSame(dependencyOn({ ...own, isClone: true, root: '/c/jobico', resolved: undefined }), {
    spec: 'file:/c/jobico',
  })
  t.end()
})

t.test('what is added to a .gitignore', (t) => {
  const wanted = '.jobico/\nbuild/\n'
  const cases = [
    { before: '', want: wanted },
    { before: '*.log\n', want: wanted },
    { before: '*.log', want: `\n${wanted}` },
    { before: '/build\r\n', want: '.jobico/\n' },
    { before: 'build\n.jobico\n', want: '' },
    { before: '# build/\n!build\n', want: wanted },
  ]
  for (const { before, want } of cases) t.equal(addedLines(before, wanted), want, JSON.stringify(before))
  t.end()
})
