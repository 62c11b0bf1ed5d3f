import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { runProgram } from './support/service.ts'

const CHECKOUT = join(import.meta.dirname, '..')
const SCRIPTS: Record<string, string> = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')).scripts
const LOCK = JSON.parse(readFileSync(join(CHECKOUT, 'package-lock.json'), 'utf8'))

t.test(
  'what any npm installs without the tools of development is a whole product, with an old Node in PATH',
  async (t) => {
    const { root, env } = installed(t)
    const built = await runProgram('sh', ['-c', `cd ${root} && ${SCRIPTS.build}`], env)
    t.same(built, { exitCode: 0, stdout: '', stderr: '' })
    const run = (command: string, ...args: string[]) => runProgram(join(root, 'bin', command), args, env)
    t.match(await run('postferry', '--version'), { exitCode: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: '' })
    t.match(await run('emit-offlineimaprc', '--help'), { exitCode: 0, stdout: /^Usage: /, stderr: '' })
    t.match(await run('checkpassword'), { exitCode: 2, stderr: /^checkpassword: usage/ })
    for (const program of readdirSync(join(root, 'bin'))) {
      t.notMatch((await run(program, '--help')).exitCode, 127, `${program} starts`)
    }
    const all = modules(join(root, 'dist'))
    const imports = all.map((module) => `await import(${JSON.stringify(module)})`).join('\n')
    const read = await runProgram(process.execPath, ['--input-type=module', '-e', imports], env)
    t.same(read, { exitCode: 0, stdout: '', stderr: '' }, `each of ${all.length} modules finds what it imports`)
  },
)

t.test('the npm package is whole, where it is unpacked and where it is a dependency', async (t) => {
  const { root, env } = installed(t)
  const pack = 'npm run build && npm pack --ignore-scripts --silent && mkdir unpacked && tar -xzf *.tgz -C unpacked'
  const packed = await runProgram('sh', ['-c', `cd ${root} && ${pack}`], { ...env, PATH: process.env.PATH })
  t.equal(packed.exitCode, 0, packed.stderr)
  const dependency = join(root, 'elsewhere/node_modules')
  cpSync(join(root, 'node_modules'), dependency, { recursive: true })
  cpSync(join(root, 'unpacked/package'), join(dependency, 'postferry'), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(root, 'unpacked/package/node_modules'))
  for (const home of [join(root, 'unpacked/package'), join(dependency, 'postferry')]) {
    for (const program of readdirSync(join(root, 'bin'))) {
      t.notMatch((await runProgram(join(home, 'bin', program), ['--help'], env)).exitCode, 127, `${program} starts`)
    }
    const emitted = await runProgram(join(home, 'bin/emit-offlineimaprc'), [], env)
    t.match(emitted, { exitCode: 0, stderr: '' })
    const named = [/^pythonfile = (.+)$/m, /^postferry_command = "(.+)"$/m].map(
      (line) => line.exec(emitted.stdout)?.[1] ?? '',
    )
    t.match(named, [join(home, 'dist/engines/'), join(home, 'bin/postferry')])
    for (const file of named) t.ok(existsSync(file), file)
  }
})

t.test('a release is made of a tagged commit that has a date in the changelog, and of nothing else', async (t) => {
  const { root, env } = installed(t)
  const git = 'git -c user.name=t -c user.email=t@example.org'
  const here = (command: string) =>
    runProgram('sh', ['-c', `cd ${root} && ${command}`], { ...env, PATH: process.env.PATH, HOME: root })
  writeFileSync(join(root, '.gitignore'), '/*\n!package.json\n!CHANGELOG.md\n')
  writeFileSync(join(root, 'CHANGELOG.md'), '## 1.2.3, unreleased\n')
  const metadata = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  writeFileSync(join(root, 'package.json'), JSON.stringify({ ...metadata, version: '1.2.3' }, null, 2))
  const commit = `${git} add -A && ${git} commit -qm x`
  t.match(await here('git init -q && sh build/release.sh'), { exitCode: 65, stderr: /not committed/ })
  t.match(await here(`${commit} && sh build/release.sh`), { exitCode: 65, stderr: /git tag v1\.2\.3/ })
  t.match(await here('git tag v1.2.3 && sh build/release.sh'), { exitCode: 65, stderr: /no date for 1\.2\.3/ })
  writeFileSync(join(root, 'CHANGELOG.md'), '## 1.2.3, 2027-01-31\n')
  const quickly = 'DPKG_DEB_COMPRESSOR_TYPE=none sh build/release.sh'
  const made = await here(`${commit} && git tag -f v1.2.3 >/dev/null && ${quickly}`)
  t.equal(made.exitCode, 0, made.stderr)
  const { stdout } = await here('cd release && sha256sum --check SHA256SUMS')
  t.match(stdout, /^postferry-1\.2\.3\.tgz: OK\npostferry_1\.2\.3_(amd64|arm64)\.deb: OK\n$/)
})

t.test('what an older version left in dist goes with the next build', async (t) => {
  const { root, env } = installed(t)
  mkdirSync(join(root, 'dist/older-room'), { recursive: true })
  writeFileSync(join(root, 'dist/older-room/older.js'), '')
  t.match(await runProgram('sh', ['-c', `cd ${root} && ${SCRIPTS.build}`], env), { exitCode: 0 })
  t.notOk(readdirSync(join(root, 'dist/older-room')).includes('older.js'))
})

t.test('every script of package.json runs with the Node of this checkout', async (t) => {
  for (const [name, script] of Object.entries(SCRIPTS)) {
    for (const command of script.split(' && ')) {
      t.match(
        command,
        /^(\[ ! -d build \] \|\| npm run |sh build\/with-node\.sh |sh build\/release\.sh$|sh test\/support\/(install-servers|old-servers-root)\.sh|bin\/|npm run |rm )/,
        name,
      )
    }
  }
  const { root, env } = installed(t)
  const version = (command: string) => runProgram('sh', ['-c', `cd ${root} && sh build/with-node.sh ${command}`], env)
  t.match(await version('node --version'), { stdout: `${process.version}\n` })
  t.match(await version("sh -c 'node --version'"), { stdout: `${process.version}\n` }, 'and what they start')
})

t.test('without a Node for this processor a script says what to do', async (t) => {
  const root = t.testdir({ node_modules: {} })
  const script = join(CHECKOUT, 'build/with-node.sh')
  const { exitCode, stderr } = await runProgram('sh', ['-c', `cd ${root} && sh ${script} node --version`], {
    PATH: '/usr/bin:/bin',
  })
  t.match({ exitCode, stderr }, { exitCode: 69, stderr: /npm ci/ })
})

/** A checkout with what `npm ci --omit=dev` installs, without npm's links, in a PATH where `node` is another one. */
function installed(t: Test): { root: string; env: NodeJS.ProcessEnv } {
  // Outside of the checkout, in whose folders modules would be found that are not installed.
  const root = mkdtempSync(join(tmpdir(), 'postferry-installed-'))
  t.after(() => rmSync(root, { recursive: true }))
  mkdirSync(join(root, 'old'))
  writeFileSync(join(root, 'old/node'), '#!/bin/sh\necho v18.20.4\nexit 99\n', { mode: 0o755 })
  for (const part of ['bin', 'build', 'deploy', 'docs', 'sql', 'src', 'LICENSE', 'package.json', 'package-lock.json'])
    cpSync(join(CHECKOUT, part), join(root, part), { recursive: true })
  const packages: [string, { dev?: boolean }][] = Object.entries(LOCK.packages)
  const top = packages.filter(([path, { dev }]) => !dev && /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path))
  for (const [path] of top) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    symlinkSync(join(CHECKOUT, path), join(root, path))
  }
  return { root, env: { PATH: `${join(root, 'old')}:/usr/bin:/bin`, POSTFERRY_DATA_DIR: join(root, 'data') } }
}

/** All but those that run when they are imported: what launchers start, and what browsers do. */
function modules(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const launchers = readdirSync(join(CHECKOUT, 'bin')).map((name) => readFileSync(join(CHECKOUT, 'bin', name), 'utf8'))
  const isRun = (name: string) => name.includes('/assets/') || launchers.some((text) => text.includes(`/dist/${name}"`))
  return names.filter((name) => name.endsWith('.js') && !isRun(name)).map((name) => join(folder, name))
}
