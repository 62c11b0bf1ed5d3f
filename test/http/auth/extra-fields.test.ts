import t from 'tap'
import { sessionFields } from '../../../src/http/auth/extra-fields.ts'
import { PROVIDER } from '../../support/provider.ts'

const route = { to: 'source', provider: { ...PROVIDER, tls: 'implicit', port: 993 }, username: 'anna' } as const

t.test('each protocol is handed to its own port, and whatever else Dovecot says to that of IMAP', async (t) => {
  const to = (service: unknown) => sessionFields(route, service)
  t.match(to('pop3'), { port: '995', ssl: 'yes', destuser: 'anna' })
  t.match(to('sieve'), { port: '4190', starttls: 'yes' })
  for (const service of ['imap', undefined, null, '', 'toString', '__proto__', { toString: 1 }, ['pop3'], 5]) {
    t.match(to(service), { port: '993', ssl: 'yes' }, JSON.stringify(service))
  }
})

t.end()
