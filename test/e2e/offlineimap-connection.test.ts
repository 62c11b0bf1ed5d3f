import t from 'tap'
import type { Provider } from '../../src/model/provider.ts'
import { Copying } from '../support/copying.ts'
import { tamperWith } from '../support/tampering.ts'

const PASSWORD = ' päss"w\\ö{rd} 日本 %s'
const PEOPLE = { 'änna@old.example': PASSWORD }
const USER = 'änna@old.example'

const copying = await Copying.start({ people: PEOPLE })
t.teardown(() => copying[Symbol.asyncDispose]())

/** One run with one account per provider. @returns for each whether it was copied completely */
async function tryAll(providers: Partial<Provider>[], settings: { without?: string; args?: string[] } = {}) {
  await copying.credentials(providers.map((_, at) => ({ id: String(at + 1), user: USER, password: PASSWORD })))
  const orders = providers.map((provider, at) => copying.order(at + 1, provider))
  const run = await copying.run(orders, settings)
  return { ...run, copied: providers.map((_, at) => run.output.includes(`postferry: m-${at + 1} complete`)) }
}

t.test('a server without AUTH=PLAIN is signed in to with LOGIN, any characters', async (t) => {
  await using proxy = await tamperWith(copying.old.port, (said) => said.replaceAll('AUTH=PLAIN', 'AUTH=OTHER'))
  const { copied, output } = await tryAll([{ port: proxy.port }])
  t.strictSame(copied, [true], output)
  t.match(proxy.sent(), ' LOGIN ')
  t.strictSame((await tryAll([{ port: proxy.port }], { without: 'connection.login_quoted' })).copied, [false])
})

t.test('a wrong password is tried once; the account fails, the others are copied', async (t) => {
  const before = await copying.old.loginCount()
  const wrong = { id: '1', user: USER, password: 'wrong' }
  await copying.credentials([wrong, { id: '2', user: USER, password: PASSWORD }])
  const { code, output } = await copying.run([copying.order(1), copying.order(2)])
  t.equal(code, 1)
  t.match(output, /ERROR: m-1: no sign-in at localhost: .*\[AUTHENTICATIONFAILED\]/)
  t.match(output, 'postferry: m-1 incomplete')
  t.match(output, 'postferry: m-2 complete')
  t.equal((await copying.old.loginCount()) - before, 2)
  await copying.credentials([wrong])
  await copying.run([copying.order(1)], { without: 'connection.sign_in_once' })
  t.equal((await copying.old.loginCount()) - before, 4, 'twice without the repair')
})

t.test('a debug log holds no password, whichever way it was sent', async (t) => {
  await using proxy = await tamperWith(copying.old.port, (said) => said.replaceAll('AUTH=PLAIN', 'AUTH=OTHER'))
  const encoded = Buffer.from(`\0${USER}\0${PASSWORD}`).toString('base64')
  const escaped = JSON.stringify(PASSWORD).slice(1, -1)
  const leaks = (output: string) => [PASSWORD, escaped, 'rd} ', encoded].filter((secret) => output.includes(secret))
  const args = ['-d', 'imap']
  const { output, copied } = await tryAll([{}, { port: proxy.port }], { args })
  t.strictSame(copied, [true, true], output)
  t.match(output, 'AUTHENTICATE')
  t.match(output, 'LOGIN')
  t.strictSame(leaks(output), [])
  const stock = await tryAll([{}], { args, without: 'connection.secrets_unlogged' })
  t.strictSame(leaks(stock.output), [encoded])
})

t.test('a source that is silent, away or not there ends its account in time, alone', async (t) => {
  await using silent = await tamperWith(copying.old.port, () => '')
  const nothing = await tamperWith(copying.old.port, () => '')
  await nothing[Symbol.asyncDispose]()
  const providers = [{ port: silent.port }, { port: nothing.port }, { host: 'no-such-host.invalid' }, {}]
  await copying.credentials(providers.map((_, at) => ({ id: String(at + 1), user: USER, password: PASSWORD })))
  const orders = providers.map((provider, at) => copying.order(at + 1, provider))
  const { code, output } = await copying.run(orders, { emitter: { timeout: 1 } })
  t.equal(code, 1)
  t.strictSame(output.match(/postferry: m-\d+ \w+/g), [
    'postferry: m-1 incomplete',
    'postferry: m-2 incomplete',
    'postferry: m-3 incomplete',
    'postferry: m-4 complete',
  ])
})

t.end()
