import t from 'tap'
import { certificates } from '../support/certificates.ts'
import { askEach, at, DEAD_SILENCE, honest, type Row, SILENCE } from '../support/imap-question.ts'
import { scripted } from '../support/scripted-imap.ts'

const certs = await certificates()

t.test('TLS is as the provider wants it, or nothing is asked', async (t) => {
  const secured = (certificate = certs.server, capability = 'IMAP4rev1 STARTTLS AUTH=PLAIN') =>
    scripted({ capability, certificate, signIn: honest })
  const starttls = { provider: { tls: 'starttls', caFile: certs.server.ca } } as const
  const refusing = (answer: string) => at('STARTTLS', ({ say }, tag) => say(`${tag} ${answer}\r\n`))
  const injecting = (words: string) => at('STARTTLS', ({ say }, tag) => say(`${tag} OK begin\r\n${words}`))
  const wanted = 'old-tls unanswered'
  const rows: Row[] = [
    { name: 'STARTTLS', talk: secured(), wanted: 'yes' },
    { name: 'stripped', talk: scripted({ capability: 'IMAP4rev1 AUTH=PLAIN', signIn: honest }), wanted },
    {
      name: 'stripped from the greeting',
      talk: scripted({ greeting: '* OK [CAPABILITY IMAP4rev1] x\r\n', signIn: honest }),
      wanted,
    },
    { name: 'refused with NO', talk: refusing('NO [AUTHENTICATIONFAILED] no'), wanted },
    { name: 'refused with BAD', talk: refusing('BAD no'), wanted },
    { name: 'PREAUTH', talk: scripted({ greeting: '* PREAUTH x\r\n', signIn: honest }), wanted },
    { name: 'words slipped in', talk: injecting('* OK x\r\n'), wanted },
    { name: 'a yes slipped in', talk: injecting('3 OK welcome\r\n4 OK welcome\r\n5 OK welcome\r\n'), wanted },
    { name: 'half a line slipped in', talk: injecting('3 OK wel'), wanted },
    {
      name: 'no TLS after all',
      talk: at(
        'STARTTLS',
        ({ say }, tag) =>
          say(`${tag} OK x
`) && setTimeout(say, 50, '* OK y\r\n'),
      ),
      wanted,
    },
    { name: 'nothing after all', talk: at('STARTTLS', ({ say }, tag) => say(`${tag} OK x\r\n`)), ...SILENCE },
    { name: 'closed after all', talk: at('STARTTLS', ({ say }, tag) => say(`${tag} OK x\r\n`).end()), wanted },
    { name: 'an expired certificate', talk: secured(certs.expired), wanted },
    { name: 'a foreign certificate', talk: secured(certs.foreign), wanted },
    { name: 'a certificate for another', talk: secured(certs.wrongName), wanted },
  ].map((row) => ({ ...starttls, ...row }))
  await askEach(t, rows)
  await askEach(t, [
    {
      name: 'no sign-in in the clear',
      wanted: 'old-tls unanswered',
      talk: scripted({ capability: 'IMAP4rev1 LOGINDISABLED STARTTLS', signIn: honest }),
    },
    {
      name: 'no sign-in with a password',
      wanted: 'old-protocol answered',
      talk: secured(certs.server, 'IMAP4rev1 STARTTLS LOGINDISABLED AUTH=GSSAPI'),
      ...starttls,
    },
    {
      name: 'implicit TLS to a server in the clear',
      wanted: 'old-tls unanswered',
      talk: scripted({ signIn: honest }),
      provider: { tls: 'implicit' },
    },
    {
      name: 'implicit TLS to silence',
      talk: ({ socket }) => socket.resume(),
      provider: { tls: 'implicit' },
      ...DEAD_SILENCE,
    },
  ])
})

t.test('what the source said before TLS is forgotten', async (t) => {
  const talk = scripted({
    capability: 'IMAP4rev1 STARTTLS LOGINDISABLED AUTH=GSSAPI',
    certificate: certs.server,
    command: (connection, tag, name) => {
      if (name !== 'CAPABILITY' || !('encrypted' in connection.socket)) return false
      connection.say(`* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n${tag} OK done\r\n`)
    },
    signIn: honest,
  })
  await askEach(t, [
    { name: 'capabilities', talk, wanted: 'yes', provider: { tls: 'starttls', caFile: certs.server.ca } },
  ])
})

t.end()
