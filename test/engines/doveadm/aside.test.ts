import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { LargeAside, refuseUnsettled, settleLast } from '../../../src/engines/doveadm/aside.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
const signal = new AbortController().signal

/** A mirror with such files. */
function mirror(files: Readonly<Record<string, string>>) {
  const mirrorHome = mkdtempSync(join(tmpdir(), 'postferry-aside-'))
  t.teardown(() => rmSync(mirrorHome, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(mirrorHome, path, '..'), { recursive: true })
    writeFileSync(join(mirrorHome, path), text)
  }
  const read = (path: string) => readFileSync(join(mirrorHome, path), 'utf8')
  return { where: { mirrorHome, owner: null }, read, isThere: (path: string) => existsSync(join(mirrorHome, path)) }
}

const STAND_IN = `Subject: large\n\n${TOKEN}\n`
const NAME = `Maildir/.a b/cur/1.M1P1.host,S=${STAND_IN.length},W=${STAND_IN.length + 3}`
const LIST = `3 V1 N3\n1 :other\n2 :${NAME.split('/').at(-1)}\n`
const withStandIn = (large: string) =>
  mirror({
    [`${NAME}:2,S`]: STAND_IN,
    'Maildir/.a b/dovecot-uidlist': LIST,
    [`large/${TOKEN}.${STAND_IN.length}`]: large,
  })

t.test('a message that came whole takes the place of its stand-in', async (t) => {
  const { where, isThere, read } = withStandIn(`Subject: large\n\nlarge\n${TOKEN}`)
  t.throws(() => refuseUnsettled(where), /a large message is not in the mirror yet/)
  await settleLast(where, signal)
  t.ok(isThere('Maildir/.a b/cur/1.M1P1.host,S=22,W=25:2,S'))
  t.equal(read('Maildir/.a b/dovecot-uidlist'), '3 V1 N3\n1 :other\n2 :1.M1P1.host,S=22,W=25\n')
  t.notOk(isThere(`${NAME}:2,S`))
  t.notOk(isThere('large'))
  refuseUnsettled(where)
})

for (const [what, list] of [
  ['before the list names it', LIST],
  ['before its stand-in goes', LIST.replace(`S=${STAND_IN.length},W=${STAND_IN.length + 3}`, 'S=22,W=25')],
]) {
  t.test(`the same, after a run that was stopped ${what}`, async (t) => {
    const { where, isThere, read } = mirror({
      [`${NAME}:2,S`]: STAND_IN,
      'Maildir/.a b/cur/1.M1P1.host,S=22,W=25:2,S': 'Subject: large\n\nlarge\n',
      'Maildir/.a b/dovecot-uidlist': list ?? '',
      [`large/${TOKEN}.${STAND_IN.length}.whole`]: 'Subject: large\n\nlarge\n',
    })
    await settleLast(where, signal)
    t.equal(read('Maildir/.a b/dovecot-uidlist'), '3 V1 N3\n1 :other\n2 :1.M1P1.host,S=22,W=25\n')
    t.equal(read('Maildir/.a b/cur/1.M1P1.host,S=22,W=25:2,S'), 'Subject: large\n\nlarge\n')
    t.notOk(isThere(`${NAME}:2,S`))
    t.notOk(isThere('large'))
  })
}

t.test('what is left of a mirror that was removed goes', async (t) => {
  const { where } = mirror({ 'Maildir/cur/1': 'a message' })
  mkdirSync(`${where.mirrorHome}.removed/Maildir`, { recursive: true })
  await new LargeAside(where, signal).recover()
  t.notOk(existsSync(`${where.mirrorHome}.removed`))
  t.ok(existsSync(where.mirrorHome))
})

t.test('a mirror with a stand-in for what did not come whole is not taken, and made anew', async (t) => {
  const { where, isThere } = withStandIn('Subject: large\n\nlar')
  await t.rejects(settleLast(where, signal), /a large message is not in the mirror yet/)
  t.ok(isThere('Maildir'))
  await new LargeAside(where, signal).recover()
  t.notOk(isThere('.'))
})

t.test('what is beside a mirror that is not there is removed', async (t) => {
  const { where, isThere } = mirror({ [`large/${TOKEN}.44`]: 'a message' })
  await new LargeAside(where, signal).recover()
  t.notOk(isThere('large'))
})

t.test('a stand-in that got no number goes, and doveadm asks again', async (t) => {
  const { where, isThere } = mirror({ [NAME]: STAND_IN, [`large/${TOKEN}.${STAND_IN.length}`]: `large${TOKEN}` })
  await new LargeAside(where, signal).recover()
  t.notOk(isThere(NAME))
  t.notOk(isThere('large'))
})

t.test('who has lost the mailbox touches nothing', async (t) => {
  const { where, isThere } = withStandIn(`Subject: large\n\nlarge\n${TOKEN}`)
  await new LargeAside(where, AbortSignal.abort('lost-lock')).settle()
  t.ok(isThere(`${NAME}:2,S`))
  await new LargeAside(where, AbortSignal.abort('stopped')).settle()
  t.notOk(isThere('large'), 'who is stopped has still to do it')
})

t.end()
