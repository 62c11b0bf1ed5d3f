import t from 'tap'
import { bothDebians, OWN } from '../support/debian.ts'
import { type MailWorld, startMailWorld } from '../support/mail-world.ts'
import { until } from '../support/until.ts'

// All people sign in for the first time while mail for them arrives.

const IS_LONG = process.env.POSTFERRY_SOAK !== undefined
const [PEOPLE, MESSAGES] = IS_LONG ? ([500, 2_000] as const) : ([20, 60] as const)
const EACH = MESSAGES / PEOPLE
const SENDERS = 8
const DESTINATIONS = IS_LONG ? [OWN] : bothDebians()

const people = Array.from({ length: PEOPLE }, (_, at) => `p${at}@old.example`)
const passwordOf = (person: string) => `pw of ${person}`

/** A mail program that Dovecot has no room for comes again. */
async function comes(world: MailWorld, person: string): Promise<string> {
  return await until(async () => {
    try {
      return await world.signIn(person, passwordOf(person))
    } catch (error) {
      if (!String(error).includes('Connection queue full')) throw error
      return false
    }
  }, `${person} is let in`)
}

for (const debian of DESTINATIONS) {
  t.test(`${MESSAGES} messages to ${PEOPLE} people while they sign in, at Debian ${debian.release}`, async (t) => {
    await using world = await startMailWorld({
      ...{ debian, people: Object.fromEntries(people.map((person) => [person, passwordOf(person)])) },
      // Who brings mail is known: nobody has to be asked about first.
      trusted: '127.0.0.1',
    })
    const refused: string[] = []
    const waiting = Array.from({ length: MESSAGES }, (_, number) => number)
    const signIns: Promise<string>[] = []
    const sender = async () => {
      for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
        const answers = await world.send(`message ${number} of the crowd`, [people[number % PEOPLE] ?? ''])
        if (!answers.every((answer) => answer.startsWith('250'))) refused.push(...answers)
        const newcomer = people[number / EACH]
        if (newcomer !== undefined) signIns.push(comes(world, newcomer))
      }
    }
    await Promise.all(Array.from({ length: SENDERS }, sender))
    t.equal((await Promise.all(signIns)).filter((answer) => answer.startsWith('OK ')).length, PEOPLE)
    await world.isQuiet()

    const at = world.marked(/^Subject: message (\d+) of the crowd\r?$/m)
    const counts = Map.groupBy(at, ([number]) => number)
    t.same(refused, [])
    t.equal(counts.size, MESSAGES, 'none is lost')
    t.same(
      [...counts].filter(([, places]) => places.length > 1),
      [],
      'none is there twice',
    )
    t.notMatch(world.newPostfix.log(), /status=bounced/)
    const wheres = new Set(at.map(([, place]) => place.split(' ')[0]))
    t.same(wheres, new Set(['old', 'new']), 'some came before, some after the first sign-in')
  })
}
