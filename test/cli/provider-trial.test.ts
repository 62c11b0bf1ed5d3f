import t from 'tap'
import { certificates } from '../support/certificates.ts'
import { COMPILED } from '../support/compiled.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { startService } from '../support/service.ts'
import { startSource } from '../support/source-server.ts'

const certs = await certificates()

t.test('a trial sign-in tells yes, no or which trouble, and leaves nothing', async (t) => {
  const password = 'pässword of anna'
  await using service = await startService(COMPILED)
  await using old = await startSource({ people: { 'anna@old.example': password }, tls: certs.server })
  const way = ['--host', 'localhost', '--port', `${old.tlsPort}`, '--ca-file', certs.server.ca]
  await mustRun(service, 'provider', 'add', 'trial', ...way)
  const tryIt = (input: string, ...more: string[]) =>
    service.run(['provider', 'test', 'trial', '--sign-in', 'anna@old.example', ...more], input)
  t.same(await tryIt(`${password}\n`), { exitCode: 0, stdout: 'the old server lets this person in\n', stderr: '' })
  t.match(await tryIt('wrong\n'), {
    exitCode: 77,
    stdout: '',
    stderr: /refuses this user name or password: check both/,
  })
  const { exitCode, stdout } = await tryIt('wrong\n', '--json')
  t.match(
    { exitCode, row: JSON.parse(stdout) },
    { exitCode: 77, row: { answer: 'no', code: null, remedy: /--login-name/ } },
  )
  await mustRun(service, 'provider', 'set', 'trial', '--no-ca-file')
  t.match(await tryIt(`${password}\n`), { exitCode: 75, stdout: '', stderr: /\(old-tls\): test the connection/ })
  for (const list of ['account', 'migration']) t.same(await rows(service, list, 'list'), [])
  t.notMatch(service.log() + JSON.stringify(await rows(service, 'audit', 'list')), /anna|ssword of/)
})

t.end()
