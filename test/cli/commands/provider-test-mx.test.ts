import t from 'tap'
import { certificates } from '../../support/certificates.ts'
import { mustRun, rows } from '../../support/ferry.ts'
import { ScriptedMx } from '../../support/scripted-mx.ts'
import { startService } from '../../support/service.ts'

t.test('provider test --mx says what the MX offers and lacks, and sends nothing', async (t) => {
  await using service = await startService()
  const { server: tls } = await certificates()
  await using mx = await ScriptedMx.start({ tls, recipient: () => '550 5.1.1 no such user' })
  const test = (...more: string[]) => service.run(['provider', 'test', 'old', '--mx', ...more])

  await mustRun(service, 'provider', 'add', 'old', '--host', 'localhost', '--ca-file', tls.ca)
  t.match(await test(), { exitCode: 65, stderr: /provider old has no MX: postferry provider set old --mx HOST/ })
  await mustRun(service, 'provider', 'set', 'old', '--mx', '127.0.0.1', '--mx-port', `${mx.port}`)
  t.match(await test(), { exitCode: 65, stderr: /serves no domain/ })
  await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')

  const { exitCode, stdout } = await test()
  t.equal(exitCode, 0)
  t.match(stdout, /^ok {4}tls +TLSv1\.\d, for localhost/m)
  t.match(
    mx.said.map(({ line }) => line).join('\n'),
    /^MAIL FROM:<postmaster@old\.example>\nRCPT TO:<nobody-[0-9a-f]{16}@old\.example>\nQUIT$/m,
  )
  await mustRun(service, 'provider', 'test', 'old', '--mx', '--sender', 'me@else.example')
  t.ok(mx.said.some(({ line }) => line === 'MAIL FROM:<me@else.example>'))
  t.match(await rows(service, 'provider', 'test', 'old', '--mx'), [{ step: 'connect', ok: true }])
  t.same(mx.messages, [])

  mx.script = { ...mx.script, mail: () => '550 5.7.23 SPF' }
  t.match(await test(), {
    exitCode: 69,
    stdout: /^fail {2}sender .*SPF\n +what to do: +have the old server/m,
    stderr: /sender failed/,
  })
  t.match(await test('--sign-in', 'x'), { exitCode: 64, stderr: /two tests/ })
  t.match(await service.run(['provider', 'test', 'old', '--sender', 'a@b.example']), { exitCode: 64, stderr: /--mx/ })
})
