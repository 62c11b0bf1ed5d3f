import t from 'tap'
import { mustRun, rows } from '../support/ferry.ts'
import { startCourier } from '../support/old-servers.ts'
import { startService } from '../support/service.ts'

// A Courier counts the connections of each address, and all proxied people come from one.

t.test('an old server that takes too few connections from one address is not for proxied people', async (t) => {
  await using few = await startCourier({ 'anna@old.example': 'x' }, { perAddress: 4 })
  await using many = await startCourier({ 'anna@old.example': 'x' }, { perAddress: 100 })
  await using service = await startService()
  const at = ({ port }: { port: number }) => ['--host', '127.0.0.1', '--port', `${port}`, '--tls', 'none']
  const proxied = ['--cutover', 'proxied', '--engine', 'doveadm']
  const tooFew = { exitCode: 65, stderr: /takes 4 connections at once from one address.*MAXPERIP/s }
  t.match(await service.run(['provider', 'add', 'few', ...at(few), ...proxied]), tooFew)
  await mustRun(service, 'provider', 'add', 'few', ...at(few))
  await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'few')
  t.match(await service.run(['provider', 'set', 'few', ...proxied]), tooFew)
  t.match(await rows(service, 'provider', 'show', 'few'), { cutover: 'immediate' })
  t.notMatch(await service.run(['provider', 'test', 'few']), { stdout: /connections/ }, 'nobody is proxied')

  await mustRun(service, 'provider', 'set', 'few', ...proxied, '--login-addresses', '8')
  t.match(await service.run(['provider', 'test', 'few']), {
    stdout: /^ok +connections +takes 4 at once from this address, and no more$/m,
  })
  await mustRun(service, 'provider', 'set', 'few', '--no-login-addresses')
  const { exitCode, stdout } = await service.run(['provider', 'test', 'few'])
  t.equal(exitCode, 69)
  t.match(
    stdout,
    /^fail +connections +the old server takes 4 connections.*\n +what to do: +at the old server.*MAXPERIP=1000/m,
  )

  await mustRun(service, 'provider', 'add', 'many', ...at(many), ...proxied)
  await mustRun(service, 'domain', 'add', 'many.example', '--provider', 'many')
  t.match(await service.run(['provider', 'test', 'many']), {
    exitCode: 0,
    stdout: /takes 30 at once from this address, or more/,
  })
})
