import t from 'tap'
import { newProvider } from '../../src/model/provider-changes.ts'
import { MISMATCH } from '../../src/model/verdict.ts'
import type { SourceAnswer, SourceLogin } from '../../src/source/ports.ts'
import { anna, ask, live, provisioned, type World, world } from '../support/sign-in-world.ts'

// old.example and other.example, of another provider, both become new.example.

const other = {
  provider: newProvider('other', { host: 'imap.other.example' }),
  oldDomain: 'other.example',
  oldUsername: 'anna@other.example',
}
const ofOther = { ...provisioned, from: other }
const AWAY: SourceAnswer = { kind: 'trouble', code: 'old-unreachable', cause: '', answered: false }
const COLLISION = { verdict: 'tempfail', code: 'collision' }

/** What the source says by user name; no, where nothing is said. */
function merged(answers: Record<string, SourceAnswer['kind'] | SourceAnswer>, more: World = {}) {
  const old = ({ username }: SourceLogin): SourceAnswer => {
    const answer = answers[username] ?? 'no'
    return typeof answer === 'string' ? ({ kind: answer } as SourceAnswer) : answer
  }
  return world({ sources: [live, other], old, ...more })
}

t.test(
  'who is awaited from one of them is asked there by the new address, under the user name of the list',
  async (t) => {
    const awaited = { ...other, oldUsername: 'anna7', closed: false }
    const { deps, seen } = merged({ anna7: 'yes' }, { awaited })
    t.match(await ask(deps, 'anna@new.example', 'right'), {
      verdict: 'ok',
      account: { address: 'anna@new.example' },
    })
    t.same(seen.asked, ['anna7 right'])
    t.match(seen.proven, [{ provider: { name: 'other' }, oldDomain: 'other.example', oldUsername: 'anna7' }])
  },
)

t.test('a newcomer under the new address is asked for at each of them, and the yes decides', async (t) => {
  for (const yes of ['anna@old.example', 'anna@other.example']) {
    const { deps, seen } = merged({ [yes]: 'yes' })
    t.match(await ask(deps, 'anna@new.example', 'right'), { verdict: 'ok' }, yes)
    t.match(seen.proven, [{ oldUsername: yes }])
  }
  const neither = merged({})
  t.same(await ask(neither.deps, 'anna@new.example', 'wrong'), { verdict: 'mismatch' })
  t.same(neither.seen.asked, ['anna@old.example wrong', 'anna@other.example wrong'])
  t.match(neither.seen.failures, [{ person: 'anna@new.example' }], 'one failure, not two')
  const both = merged({ 'anna@old.example': 'yes', 'anna@other.example': 'yes' })
  await ask(both.deps, 'anna@new.example', 'right')
  t.match(both.seen.proven, [{ oldUsername: 'anna@old.example' }], 'always the same of two')
})

t.test('while one of them cannot be asked, nobody is called wrong, and whom the other lets in is in', async (t) => {
  const away = merged({ 'anna@old.example': AWAY })
  t.match(await ask(away.deps, 'anna@new.example', 'maybe'), { verdict: 'tempfail', code: 'old-unreachable' })
  const yes = merged({ 'anna@old.example': AWAY, 'anna@other.example': 'yes' })
  t.match(await ask(yes.deps, 'anna@new.example', 'right'), { verdict: 'ok' })
})

t.test('the question that is not needed any more is given up', async (t) => {
  let isGivenUp = false
  const { deps } = world({
    sources: [live, other],
    old: async ({ username, signal }) => {
      if (username === 'anna@old.example') return { kind: 'yes' }
      return await new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          isGivenUp = true
          resolve(AWAY)
        })
      })
    },
  })
  t.match(await ask(deps, 'anna@new.example', 'right'), { verdict: 'ok' })
  t.ok(isGivenUp)
})

t.test('what was refused as a person of one is still asked as a person of the other', async (t) => {
  const { deps, seen } = merged({ 'anna@old.example': 'yes' })
  t.same(await ask(deps, 'anna@other.example', 'right'), { verdict: 'mismatch' })
  t.match(await ask(deps, 'anna@old.example', 'right'), { verdict: 'ok' })
  t.same(seen.asked, ['anna@other.example right', 'anna@old.example right'])
  t.match(await ask(deps, 'anna@new.example', 'right'), { verdict: 'ok' }, 'under the new address, too')
})

t.test('a refusal is one provider’s, also where both know the person by one name', async (t) => {
  const byLocalPart = [live, other].map((source) => {
    return { ...source, provider: { ...source.provider, loginName: '%n' } as const }
  })
  const old = ({ provider }: SourceLogin): SourceAnswer => ({ kind: provider.name === 'old' ? 'yes' : 'no' })
  const { deps, seen } = world({ sources: byLocalPart, old })
  t.same(await ask(deps, 'anna@other.example', 'right'), { verdict: 'mismatch' })
  t.match(await ask(deps, 'anna@old.example', 'right'), { verdict: 'ok' })
  t.same(seen.asked, ['anna right', 'anna right'])
})

t.test('what nobody was asked about is not remembered as refused', async (t) => {
  const { deps, seen } = world({ sources: [], old: { kind: 'yes' } })
  t.same(await ask(deps, 'anna@old.example', 'right'), { verdict: 'mismatch' })
  const added = { ...deps, userdb: world({ old: { kind: 'yes' } }).deps.userdb }
  t.match(await ask(added, 'anna@old.example', 'right'), { verdict: 'ok' })
  t.equal(seen.failures.length, 1)
})

t.test('refusals are forgotten when providers or domains change, also by a question that is on its way', async (t) => {
  const { deps, seen } = merged({})
  await ask(deps, 'anna@old.example', 'x')
  deps.sourceRefusals.forget(null)
  await ask(deps, 'anna@old.example', 'x')
  t.equal(seen.asked.length, 2)
  const late = deps.sourceRefusals.recorder('login')
  deps.sourceRefusals.forget(null)
  late(MISMATCH)
  t.equal(deps.sourceRefusals.get('login'), undefined)
})

t.test('two people who want one address are a collision for the second one, by any of their addresses', async (t) => {
  const taken: World[] = [
    { known: ofOther },
    { known: { ...ofOther, isLive: false } },
    { known: { ...ofOther, passwordSource: 'destination' } },
    { awaited: { ...other, closed: false } },
  ]
  for (const standing of taken) {
    for (const typed of ['anna@old.example', 'anna@new.example']) {
      const { deps, seen } = merged({ 'anna@old.example': 'yes' }, standing)
      t.match(await ask(deps, typed, 'of old.example'), COLLISION, typed)
      t.match(seen.collisions, [{ oldUsername: 'anna@old.example', provider: { name: 'old' } }])
      t.same(seen.proven, [])
      t.same(seen.failures, [])
    }
    const { deps, seen } = merged({}, standing)
    t.same(await ask(deps, 'anna@old.example', 'wrong'), { verdict: 'mismatch' }, 'a wrong password stays one')
    t.same(seen.collisions, [])
    const away = merged({ 'anna@old.example': AWAY }, standing)
    t.match(await ask(away.deps, 'anna@old.example', 'maybe'), { verdict: 'tempfail', code: 'old-unreachable' })
  }
})

t.test('a password is neither tried on nor sent to the other domain’s person', async (t) => {
  const { deps, seen } = merged({ 'anna@other.example': 'yes' }, { known: ofOther })
  t.same(await ask(deps, 'anna@old.example', 'right'), { verdict: 'mismatch' }, 'which is right for the other')
  t.equal(seen.verified, 0)
  t.same(seen.asked, ['anna@old.example right'])
  t.match(await ask(deps, 'anna@new.example', 'changed'), { verdict: 'ok' }, 'the person of the account')
  t.same(seen.asked.slice(1), ['anna@other.example changed'])
})

t.test('one mailbox under two domains is one person', async (t) => {
  const provider = { ...live.provider, loginName: '%n' } as const
  const sources = ['old.example', 'alias.example'].map((oldDomain) => ({ provider, oldDomain }))
  const known = { ...provisioned, from: { provider, oldDomain: 'old.example', oldUsername: 'anna' } }
  const { deps, seen } = world({ sources, known })
  t.same(await ask(deps, 'anna@alias.example', 'right'), { verdict: 'ok', account: anna })
  t.same(await ask(deps, 'anna@alias.example', 'wrong'), { verdict: 'mismatch' })
  t.same(seen.asked, ['anna wrong'])
})

t.test('who is asked for under two domains by one name at one provider is asked for once', async (t) => {
  const provider = { ...live.provider, loginName: '%n' } as const
  const sources = ['old.example', 'alias.example'].map((oldDomain) => ({ provider, oldDomain }))
  const newcomer = world({ sources, old: { kind: 'yes' } })
  t.match(await ask(newcomer.deps, 'anna@new.example', 'right'), { verdict: 'ok' })
  t.same(newcomer.seen.asked, ['anna right'])
  const rival = world({ sources, known: ofOther })
  await ask(rival.deps, 'anna@new.example', 'wrong')
  t.same(rival.seen.asked, ['anna@other.example wrong', 'anna wrong'])
})

t.test('what became somebody else’s in the meantime is a collision, too', async (t) => {
  const { deps } = world({ old: { kind: 'yes' }, provision: async () => 'collision' })
  t.match(await ask(deps, 'anna@old.example', 'right'), COLLISION)
})

t.test('nobody new comes from a closed domain, and its server is not asked', async (t) => {
  const closed = { ...live, isClosed: true }
  const gone = { ...live, closed: false }
  for (const standing of [{}, { awaited: gone }, { awaited: { ...gone, closed: true } }] satisfies World[]) {
    const { deps, seen } = merged({ 'anna@old.example': 'yes' }, { sources: [closed], ...standing })
    for (const typed of ['anna@old.example', 'anna@new.example'])
      t.same(await ask(deps, typed, 'right'), { verdict: 'mismatch' }, typed)
    t.same(seen.asked, [])
  }
  const { deps, seen } = merged({ 'anna@other.example': 'yes' }, { sources: [closed, other] })
  t.same(await ask(deps, 'anna@old.example', 'right'), { verdict: 'mismatch' })
  t.match(await ask(deps, 'anna@new.example', 'right'), { verdict: 'ok' }, 'from the other one, as before')
  t.same(seen.asked, ['anna@other.example right'])
})

t.test('who came from a closed domain is let in by both names', async (t) => {
  const sources = [{ ...live, isClosed: true }]
  const finished = { ...provisioned, isLive: false }
  for (const typed of ['anna@old.example', 'anna@new.example']) {
    const { deps, seen } = merged({}, { sources, known: finished })
    t.match(await ask(deps, typed, 'right'), { verdict: 'ok' }, typed)
    t.same(await ask(deps, typed, 'wrong'), { verdict: 'mismatch' })
    t.same(seen.asked, [])
    const doubtful = [
      { hash: 'hash of newer', isDoubtful: false },
      { hash: 'hash of right', isDoubtful: true },
    ]
    const earlier = merged({ 'anna@old.example': 'yes' }, { sources, known: { ...finished, passwords: doubtful } })
    t.match(await ask(earlier.deps, typed, 'right'), { verdict: 'ok' }, 'an app password that the old server confirms')
  }
})

t.test('by the name of a closed domain nobody gets the account of somebody else', async (t) => {
  const { deps, seen } = merged({}, { sources: [{ ...live, isClosed: true }, other], known: ofOther })
  t.same(await ask(deps, 'anna@old.example', 'right'), { verdict: 'mismatch' })
  t.same([seen.verified, seen.asked], [0, []])
  t.match(await ask(deps, 'anna@new.example', 'right'), { verdict: 'ok' })
})

t.end()
