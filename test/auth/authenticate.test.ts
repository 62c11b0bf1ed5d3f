import t from 'tap'
import type { KnownAccount } from '../../src/auth/ports.ts'
import type { SourceAnswer } from '../../src/source/ports.ts'
import { anna, ask, live, provisioned, world } from '../support/sign-in-world.ts'

t.test('a known password is decided without the source', async (t) => {
  const { deps, seen } = world({ known: provisioned })
  t.same(await ask(deps, 'Anna@Old.example', 'right'), { verdict: 'ok', account: anna })
  t.same(await ask(deps, 'anna@new.example', 'right'), { verdict: 'ok', account: anna })
  t.same(seen.asked, [])
})

t.test('a newcomer whom the source lets in is provisioned under the new address', async (t) => {
  const { deps, seen } = world({ old: { kind: 'yes' } })
  t.match(await ask(deps, 'ANNA@old.example', 'right'), { verdict: 'ok', account: { address: 'anna@new.example' } })
  t.same(seen.asked, ['anna@old.example right'])
  t.same(seen.sealed, [
    { address: 'anna@new.example', provider: 'old', username: 'anna@old.example', password: 'right' },
  ])
  t.match(seen.proven, [
    { home: '/var/vmail/new.example/anna', passwordHash: 'hash of right', oldDomain: 'old.example' },
  ])
})

t.test('the source is asked by the old address whichever of both the person uses, or by the local part', async (t) => {
  const full = world()
  await ask(full.deps, 'anna@new.example', 'x')
  t.same(full.seen.asked, ['anna@old.example x'])
  const local = world({ sources: [{ ...live, provider: { ...live.provider, loginName: '%n' } }] })
  await ask(local.deps, 'anna@new.example', 'x')
  t.same(local.seen.asked, ['anna x'])
})

t.test('whatever the source says but yes, nothing is written', async (t) => {
  const cause = new Error('down')
  const answers: [SourceAnswer, object][] = [
    [{ kind: 'no' }, { verdict: 'mismatch' }],
    [{ kind: 'disabled' }, { verdict: 'disabled' }],
    [{ kind: 'expired' }, { verdict: 'expired' }],
    [
      { kind: 'trouble', code: 'old-unreachable', cause, answered: false },
      { verdict: 'tempfail', code: 'old-unreachable', cause },
    ],
  ]
  for (const known of [null, provisioned]) {
    for (const [old, verdict] of answers) {
      const { deps, seen } = world({ old, known })
      t.same(await ask(deps, 'anna@old.example', 'other'), verdict, `${old.kind}, ${known ? 'known' : 'new'}`)
      t.same(seen.proven, [])
    }
  }
})

t.test('a provisioned person who changed the password at the source is renewed', async (t) => {
  const { deps, seen } = world({ known: provisioned, old: { kind: 'yes' } })
  t.match(await ask(deps, 'anna@new.example', 'changed'), { verdict: 'ok' })
  t.match(seen.proven, [{ passwordHash: 'hash of changed', oldUsername: 'anna@old.example' }])
})

t.test('the source is not asked about an account that is none of its business', async (t) => {
  const accounts: Record<string, KnownAccount> = {
    'made on the destination, without a migration': { ...provisioned, from: null, isLive: false },
    'with a password set on the destination': { ...provisioned, passwordSource: 'destination' },
  }
  for (const [what, known] of Object.entries(accounts)) {
    const { deps, seen } = world({ known, old: { kind: 'yes' } })
    t.same(await ask(deps, 'anna@old.example', 'of the source'), { verdict: 'mismatch' }, what)
    t.same(seen.asked, [], what)
  }
})

t.test('a disabled account is told so only with a right password', async (t) => {
  const known = { ...provisioned, account: { ...anna, enabled: false } }
  t.same(await ask(world({ known }).deps, 'anna@old.example', 'right'), { verdict: 'disabled' })
  t.same(await ask(world({ known }).deps, 'anna@old.example', 'wrong'), { verdict: 'mismatch' })
  const drifted = world({ known, old: { kind: 'yes' } })
  t.same(await ask(drifted.deps, 'anna@old.example', 'changed'), { verdict: 'disabled' })
  t.same(drifted.seen.proven, [])
})

t.test('an account that became somebody else’s in the meantime is not given away', async (t) => {
  const { deps } = world({ old: { kind: 'yes' }, provision: async () => null })
  t.same(await ask(deps, 'anna@old.example', 'right'), { verdict: 'mismatch' })
})

t.test('nobody is a mismatch, asks nothing and costs no password check', async (t) => {
  for (const [username, password] of [
    ['not an address', 'x'],
    ['anna@elsewhere.example', 'x'],
    ['anna@old.example', ''],
    ['anna@old.example', 'a\nb'],
    ['anna@old.example', 'x'.repeat(1025)],
  ] as const) {
    const { deps, seen } = world({ old: { kind: 'yes' } })
    t.same(await ask(deps, username, password), { verdict: 'mismatch' }, username)
    t.match(seen, { asked: [], sealed: [], proven: [], verified: 0 }, username)
  }
})

t.test('a sub-address signs the person in whose it is', async (t) => {
  const { deps, seen } = world({ old: { kind: 'yes' } })
  t.match(await ask(deps, 'Anna+shop+x@old.example', 'right'), { account: { address: 'anna@new.example' } })
  t.same(seen.asked, ['anna@old.example right'])
  const separate = world({ old: { kind: 'yes' } })
  await ask({ ...separate.deps, recipientDelimiter: '' }, 'anna+shop@old.example', 'right')
  t.same(separate.seen.asked, ['anna+shop@old.example right'])
})

t.test('every wrong password counts against the person, the client and the provider that was asked', async (t) => {
  const subject = { person: 'anna@new.example', client: '192.0.2.7', provider: 'old' }
  const newcomer = world()
  await ask(newcomer.deps, 'anna@old.example', 'wrong')
  t.same(newcomer.seen.failures, [subject])
  const decided = world({ known: { ...provisioned, passwordSource: 'destination' } })
  await ask(decided.deps, 'anna@old.example', 'wrong')
  t.same(decided.seen.failures, [{ ...subject, provider: null }])
  const stranger = world()
  await ask(stranger.deps, 'anna@elsewhere.example', 'wrong')
  t.same(stranger.seen.failures, [{ ...subject, person: 'anna@elsewhere.example', provider: null }])
  const away = world({ old: { kind: 'trouble', code: 'old-unreachable', cause: '', answered: false } })
  await ask(away.deps, 'anna@old.example', 'right, maybe')
  t.same(away.seen.failures, [], 'trouble is nobody’s failure')
})

t.test('a limit stops the question to the source, not the person whose right password is known here', async (t) => {
  const { deps, seen } = world({ known: provisioned, limited: true, old: { kind: 'yes' } })
  t.match(await ask(deps, 'anna@old.example', 'other'), { verdict: 'tempfail', code: 'throttled' })
  t.same(await ask(deps, 'anna@old.example', 'right'), { verdict: 'ok', account: anna })
  t.same(seen.asked, [])
  const newcomer = world({ limited: true })
  const verdict = await ask(newcomer.deps, 'anna@old.example', 'other')
  t.match(verdict, { verdict: 'tempfail', code: 'throttled' }, 'who is new')
})

t.test('where the source has no say a wrong password is called wrong, whatever the limits', async (t) => {
  const people: [string, KnownAccount | null][] = [
    ['anna@old.example', { ...provisioned, isLive: false }],
    ['anna@old.example', { ...provisioned, passwordSource: 'destination' }],
    ['anna@old.example', { ...provisioned, from: null, isLive: false }],
    ['anna@elsewhere.example', null],
  ]
  for (const [address, known] of people) {
    const { deps, seen } = world({ known, limited: true })
    t.same(await ask(deps, address, 'other'), { verdict: 'mismatch' })
    t.equal(seen.failures.length, 1, 'and is counted on')
  }
})

t.test('a network over its limit costs no hash, but for who has signed in from there', async (t) => {
  for (const known of [provisioned, { ...provisioned, isLive: false }, null]) {
    const stranger = world({ known, shut: true })
    t.match(await ask(stranger.deps, 'anna@new.example', 'right'), { verdict: 'tempfail', code: 'throttled' })
    t.equal(stranger.seen.verified, 0)
  }
  const { deps, seen } = world({ known: provisioned, shut: true, visitors: ['anna@new.example'] })
  t.same(await ask(deps, 'anna@old.example', 'right'), { verdict: 'ok', account: anna })
  t.match(await ask(deps, 'anna@old.example', 'other'), { verdict: 'tempfail', code: 'throttled' })
  t.equal(seen.verified, 2)
})

t.test(
  'a password that was just refused is not asked again, under either address, and not counted again',
  async (t) => {
    const { deps, seen } = world()
    for (const username of ['anna@old.example', 'ANNA@new.example', 'anna@old.example']) {
      t.same(await ask(deps, username, 'wrong'), { verdict: 'mismatch' })
    }
    t.same(seen.asked, ['anna@old.example wrong'])
    t.equal(seen.failures.length, 1)
    await ask(deps, 'anna@old.example', 'other')
    t.equal(seen.asked.length, 2, 'another password is another question')
    await ask(deps, 'bert@old.example', 'wrong')
    t.same(seen.asked.slice(2), ['bert@old.example wrong'], 'and so is another person')
  },
)

t.test(
  'a failure that cannot be counted is still a refusal; a limit that cannot be looked up is trouble',
  async (t) => {
    const away = async () => {
      throw new Error('connection refused')
    }
    const { deps } = world()
    const uncounted = { ...deps, rateLimit: { ...deps.rateLimit, penalize: away } }
    t.same(await ask(uncounted, 'anna@old.example', 'wrong'), { verdict: 'mismatch' })
    const blind = { ...deps, rateLimit: { ...deps.rateLimit, isExceeded: away } }
    t.match(await ask(blind, 'anna@old.example', 'other'), { verdict: 'tempfail', code: 'database' })
  },
)

t.test('a database that is away is a tempfail with its code, before and after the source was asked', async (t) => {
  const away = async () => {
    throw new Error('connection refused')
  }
  const before = world()
  const blind = {
    ...before.deps,
    userdb: { ...before.deps.userdb, sourceDomainsOf: away, accountOf: away, awaited: away },
  }
  t.match(await ask(blind, 'anna@old.example', 'x'), { verdict: 'tempfail', code: 'database' })
  const after = world({ old: { kind: 'yes' }, provision: away })
  t.match(await ask(after.deps, 'anna@old.example', 'x'), { verdict: 'tempfail', code: 'database' })
})

t.test('anything unforeseen is a tempfail, never a refusal', async (t) => {
  const { deps } = world({ old: { kind: 'yes' } })
  const broken = {
    ...deps,
    sealer: {
      seal: async () => {
        throw new Error('no key')
      },
    },
  }
  t.match(await ask(broken, 'anna@old.example', 'x'), { verdict: 'tempfail', code: 'internal' })
})

t.test(
  'who may open a finished migration again is in whatever the source says; what the source did not say is asked again',
  async (t) => {
    const known = { ...provisioned, isLive: false, needsCredential: true }
    const answered = async (old: SourceAnswer) => {
      const { deps, seen } = world({ known, old })
      return { verdict: await ask(deps, 'anna@new.example', 'right'), seen }
    }
    const opened = await answered({ kind: 'yes' })
    t.same(opened.verdict, { verdict: 'ok', account: anna })
    t.equal(opened.seen.proven.length, 1)
    t.same((await answered({ kind: 'no' })).verdict, { verdict: 'ok', account: anna })
    const away = await answered({ kind: 'trouble', code: 'old-unreachable', cause: null, answered: false })
    t.same(away.verdict, { verdict: 'ok', account: anna, isProvisional: true })
    const { deps } = world({ known, old: { kind: 'yes' }, provision: () => Promise.reject(new Error('away')) })
    t.match(await ask(deps, 'anna@new.example', 'right'), { verdict: 'ok', isProvisional: true }, 'not written')
  },
)

t.test(
  'a right password renews what the source refused or nobody could open, and lets in whatever comes of it',
  async (t) => {
    const known = { ...provisioned, needsCredential: true }
    const with_ = async (old: SourceAnswer, more: object = {}) => {
      const { deps, seen } = world({ known, old, ...more })
      return { verdict: await ask(deps, 'anna@new.example', 'right'), seen, deps }
    }
    const yes = await with_({ kind: 'yes' })
    t.same(yes.verdict, { verdict: 'ok', account: anna })
    t.same(yes.seen.asked, ['anna@old.example right'])
    t.match(yes.seen.sealed, [{ password: 'right' }])
    const away = await with_({ kind: 'trouble', code: 'old-timeout', cause: null, answered: false })
    t.same(away.verdict, { verdict: 'ok', account: anna, isProvisional: true }, 'asked again the next time')
    for (const kind of ['no', 'expired', 'disabled'] as const) {
      const { verdict, deps, seen } = await with_({ kind })
      t.same(verdict, { verdict: 'ok', account: anna }, kind)
      t.same(seen.failures, [], kind)
      await ask(deps, 'anna@new.example', 'right')
      t.equal(seen.asked.length, kind === 'no' ? 1 : 2, 'what was just refused is not asked again')
    }
    const lost = await with_({ kind: 'yes' }, { provision: () => Promise.reject(new Error('away')) })
    t.match(lost.verdict, { verdict: 'ok', isProvisional: true })
  },
)

t.test('where the provider wants it, the source decides about a kept password that it refuses', async (t) => {
  const from = { ...live, provider: { ...live.provider, afterRefusal: 'refuse' } } as const
  const known = { ...provisioned, from, needsCredential: true }
  for (const [kind, verdict] of [
    ['no', 'mismatch'],
    ['disabled', 'disabled'],
    ['expired', 'expired'],
  ] as const) {
    const { deps, seen } = world({ known, old: { kind } })
    t.same(await ask(deps, 'anna@new.example', 'right'), { verdict })
    t.equal(seen.failures.length, kind === 'no' ? 1 : 0)
  }
  const away = world({ known, old: { kind: 'trouble', code: 'old-timeout', cause: null, answered: false } })
  t.match(await ask(away.deps, 'anna@new.example', 'right'), { verdict: 'ok', isProvisional: true })
  const over = world({ known: { ...known, isLive: false }, old: { kind: 'no' } })
  t.match(
    await ask(over.deps, 'anna@new.example', 'right'),
    { verdict: 'ok' },
    'a finished move is not the source’s any more',
  )
})

const DOUBTFUL_RIGHT = { hash: 'hash of right', isDoubtful: true }
const DOUBTFUL = {
  ...provisioned,
  passwords: [...provisioned.passwords, { hash: 'hash of earlier', isDoubtful: true }],
}

t.test('a doubtful password counts again when the source says so, and changes nothing', async (t) => {
  for (const known of [DOUBTFUL, { ...DOUBTFUL, isLive: false }]) {
    const { deps, seen } = world({ known, old: { kind: 'yes' } })
    t.same(await ask(deps, 'anna@new.example', 'earlier'), { verdict: 'ok', account: anna })
    t.match(seen, { asked: ['anna@old.example earlier'], confirmed: ['hash of earlier'], proven: [], sealed: [] })
    t.same(await ask(deps, 'anna@new.example', 'right'), { verdict: 'ok', account: anna })
    t.equal(seen.asked.length, 1, 'the present one is not asked about')
  }
})

t.test(
  'a doubtful password that source does not know any more is gone; trouble there lets nobody in by it',
  async (t) => {
    const no = world({ known: DOUBTFUL })
    t.same(await ask(no.deps, 'anna@new.example', 'earlier'), { verdict: 'mismatch' })
    t.match(no.seen, { dropped: ['hash of earlier'], failures: [{ person: 'anna@new.example', provider: 'old' }] })
    const over = world({ known: { ...DOUBTFUL, isLive: false } })
    t.same(await ask(over.deps, 'anna@new.example', 'earlier'), { verdict: 'mismatch' })
    t.same(over.seen.dropped, [], 'once the move is over the old server’s no takes nothing away')
    const old = { kind: 'trouble', code: 'old-unreachable', cause: '', answered: false } as const
    const away = world({ known: DOUBTFUL, old })
    t.match(await ask(away.deps, 'anna@new.example', 'earlier'), { verdict: 'tempfail', code: 'old-unreachable' })
    t.match(away.seen, { dropped: [], confirmed: [] })
  },
)

t.test('a new password that another connection brought meanwhile is not added again', async (t) => {
  const renewed = { ...provisioned, passwords: [{ hash: 'hash of changed', isDoubtful: false }, DOUBTFUL_RIGHT] }
  for (const known of [provisioned, null]) {
    const { deps, seen } = world({
      ...{ known, meanwhile: renewed, old: { kind: 'yes' } },
      provision: async ({ seenHash }) => (seenHash === 'hash of changed' ? anna : 'changed'),
    })
    t.same(await ask(deps, 'anna@new.example', 'changed'), { verdict: 'ok', account: anna })
    t.match(seen.proven, [{ seenHash: known === null ? null : 'hash of right' }])
    t.equal(seen.proven.length, 1)
    t.same(seen.asked, ['anna@old.example changed'])
  }
  const other = world({
    ...{ known: provisioned, meanwhile: renewed, old: { kind: 'yes' } },
    provision: async ({ seenHash }) => (seenHash === 'hash of changed' ? anna : 'changed'),
  })
  t.match(await ask(other.deps, 'anna@new.example', 'a third one'), { verdict: 'ok' }, 'another one is added to it')
  t.equal(other.seen.proven.length, 2)
  const restless = world({ known: provisioned, old: { kind: 'yes' }, provision: async () => 'changed' })
  t.match(await ask(restless.deps, 'anna@new.example', 'changed'), { verdict: 'tempfail', code: 'database' })
  t.equal(restless.seen.proven.length, 3, 'not for ever')
})

t.test('nobody is let in by what was so before the source was asked', async (t) => {
  const wanting = { ...provisioned, needsCredential: true }
  const ofNew = {
    ...provisioned,
    passwords: [{ hash: 'hash of the destination', isDoubtful: false }],
    passwordSource: 'destination',
  } as const
  const trouble = { kind: 'trouble', code: 'old-timeout', cause: null, answered: false } as const
  for (const old of [{ kind: 'yes' }, { kind: 'no' }, trouble] as const) {
    for (const [known, password] of [
      [wanting, 'right'],
      [DOUBTFUL, 'earlier'],
      [{ ...DOUBTFUL, needsCredential: true }, 'earlier'],
    ] as const) {
      const what = `${old.kind}, ${password}`
      const set = world({ known, old, meanwhile: ofNew, provision: async () => null })
      const refused = password === 'earlier' && old.kind === 'trouble' ? 'tempfail' : 'mismatch'
      t.match(await ask(set.deps, 'anna@new.example', password), { verdict: refused }, what)
      t.same(set.seen.confirmed, [], what)
      if (refused === 'tempfail' || (password === 'earlier' && old.kind === 'no')) continue
      const disabled = { ...known, account: { ...anna, enabled: false } }
      const shut = world({ known, old, meanwhile: disabled, provision: async () => null })
      t.same(await ask(shut.deps, 'anna@new.example', password), { verdict: 'disabled' }, what)
    }
  }
})

t.test('an earlier password is asked about once more when a newer one came while the source thought', async (t) => {
  const passwords = [{ hash: 'hash of newer', isDoubtful: false }, DOUBTFUL_RIGHT, ...DOUBTFUL.passwords.slice(1)]
  const meanwhile = { ...provisioned, passwords }
  for (const [known, password] of [
    [DOUBTFUL, 'earlier'],
    [{ ...provisioned, needsCredential: true }, 'right'],
  ] as const) {
    const old = () => ({ kind: seen.asked.length === 1 && password === 'earlier' ? 'yes' : 'no' }) as const
    const { deps, seen } = world({ known, meanwhile, old })
    t.same(await ask(deps, 'anna@new.example', password), { verdict: 'mismatch' })
    t.same(seen.confirmed, [])
    t.same(seen.dropped, [`hash of ${password}`])
  }
})

t.test('a confirmed earlier password is as good as the present one', async (t) => {
  const known = {
    ...provisioned,
    passwords: [...provisioned.passwords, { hash: 'hash of earlier', isDoubtful: false }],
  }
  const { deps, seen } = world({ known })
  t.same(await ask(deps, 'anna@new.example', 'earlier'), { verdict: 'ok', account: anna })
  t.same(seen.asked, [])
})

t.test('another right password brings a credential only where one is needed', async (t) => {
  for (const needsCredential of [false, true]) {
    const { deps, seen } = world({ known: { ...DOUBTFUL, needsCredential }, old: { kind: 'yes' } })
    await ask(deps, 'anna@new.example', 'a third one')
    t.match(seen.proven, [{ passwordHash: 'hash of a third one', sealed: needsCredential ? {} : null }])
    await ask(deps, 'anna@new.example', 'earlier')
    t.equal(seen.sealed.length, needsCredential ? 2 : 0)
  }
})
