import t from 'tap'
import { type Ferry, mustRun, startFerry } from '../support/ferry.ts'

const ROUNDS = 15
/** So late the source's refusals come: without care, the time would tell whether the source was asked. */
const DELAY_MS = 1_000

let ferry: Ferry
t.before(async () => {
  const people = { 'known@old.example': 'right', 'moved@old.example': 'right', 'later@old.example': 'right' }
  const noLimits = { POSTFERRY_LIMIT_PERSON: '0', POSTFERRY_LIMIT_PROVIDER: '0' }
  ferry = await startFerry(people, noLimits, { failureDelay: `${DELAY_MS / 1_000} secs` })
  for (const person of ['known', 'moved']) {
    t.match(await ferry.service.passdb(`${person}@old.example`, 'right'), { status: 200 })
  }
  await mustRun(ferry.service, 'migration', 'finish', 'moved@old.example', '--force')
})
t.after(() => ferry[Symbol.asyncDispose]())

const KINDS: Record<string, string> = {
  'a wrong password of a provisioned person': 'known@old.example',
  'a wrong password of a person whose move is done': 'moved@old.example',
  'a wrong password of somebody who has not come yet': 'later@old.example',
  'an unknown person': 'nobody@old.example',
  'an unknown domain': 'known@elsewhere.example',
  'no address at all': 'known',
}

t.test('nobody can tell from body or time of a refusal whom it is about', async (t) => {
  let guesses = 0
  const refused = async (username: string): Promise<number> => {
    const began = performance.now()
    const answer = await ferry.service.passdb(username, `wrong ${++guesses}`)
    const taken = performance.now() - began
    t.same(answer, { status: 401, body: { success: false, verdict: 'mismatch' } })
    return taken
  }
  const times = new Map(Object.keys(KINDS).map((kind) => [kind, [] as number[]]))
  // The source has to have refused somebody before its time is known.
  for (let round = 0; round < 3; round++) await refused('later@old.example')
  for (let round = 0; round < ROUNDS; round++) {
    const kinds = Object.entries(KINDS).sort(() => Math.random() - 0.5)
    await Promise.all(kinds.map(async ([kind, username]) => times.get(kind)?.push(await refused(username))))
  }
  // A machine may get slower meanwhile: each is as slow as the slowest before it.
  const longest = Array.from({ length: ROUNDS }, (_, at) =>
    Math.max(...[...times.values()].flatMap((taken) => taken.slice(0, at + 1))),
  )
  for (const [kind, taken] of times) {
    const quicker = median(taken.slice(1).map((ms, at) => (longest[at] ?? 0) - ms))
    t.ok(Math.min(...taken) >= DELAY_MS * 0.95, `${kind}: at least ${Math.min(...taken).toFixed(0)} ms`)
    t.ok(quicker < DELAY_MS / 4, `${kind}: ${quicker.toFixed(0)} ms quicker than the slowest before`)
  }
})

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

t.end()
