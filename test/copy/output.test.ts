import t from 'tap'
import { Output } from '../../src/copy/output.ts'

t.test('the report is read, and is none of the last lines', async (t) => {
  const output = new Output('secret', 'anna')
  output.read('first')
  output.read('mailferry: {"account":"m-1","complete":true,"reason":null,"folders":2,"messages":6}')
  output.read('mailferry: {"account":1}')
  output.read('mailferry: {broken')
  t.same(output.report, { account: 'm-1', complete: true, reason: null, folders: 2, messages: 6 })
  t.equal(output.last(), 'first')
})

t.test('no form of the password is kept', async (t) => {
  const password = 'a"b\\c d%'
  const output = new Output(password, 'anna')
  const plain = Buffer.from(`\0anna\0${password}`).toString('base64')
  const forms = [password, plain, btoa(password), encodeURIComponent(password), JSON.stringify(password)]
  for (const form of forms) output.read(`before ${form} after`)
  for (const form of forms) t.notOk(output.last().includes(form), form)
  t.match(output.last(), 'before (not shown) after')
})

t.test('only the last lines are kept, and the beginning of long ones', async (t) => {
  const output = new Output('secret', 'anna')
  for (let at = 0; at < 1000; at++) output.read(`${at} ${'x'.repeat(5000)}`)
  t.equal(output.last().split('\n').length, 20)
  t.ok(output.last().length < 11_000)
  t.match(output.last(), /^980 x/)
})
