import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { createMetrics } from '../../src/http/metrics.ts'
import { lookNowAndThen } from '../../src/http/standing-gauges.ts'
import type { Standing } from '../../src/operations/standing.ts'
import { scriptedListener } from './scripted-listener.ts'

const STANDING: Standing = {
  people: [
    { provider: 'old', state: 'pending', route: 'destination', people: 3 },
    { provider: 'old', state: 'awaited', route: 'source', people: 2 },
  ],
  stopped: [{ provider: 'old', code: 'new-full', people: 1 }],
  jobs: [
    { provider: 'old', waiting: 4, running: 2, oldestSeconds: 61.5 },
    { provider: 'other', waiting: 0, running: 0, oldestSeconds: 0 },
  ],
  attempts: [
    { provider: 'old', outcome: 'complete', attempts: 5, messages: 40 },
    { provider: 'old', outcome: 'old-timeout', attempts: 1, messages: 2 },
  ],
  copied: [
    { provider: 'old', engine: 'doveadm', messages: 7, bytes: 70_000_000_000 },
    { provider: 'old', engine: 'offlineimap', messages: 1, bytes: 9 },
  ],
  ...{ workers: 1, stranded: 6, collisions: 7 },
}

async function shown(standing: Standing | null): Promise<string[]> {
  const { app } = scriptedListener({ standing })
  const { body } = await app.inject({ url: '/metrics' })
  return body
    .split('\n')
    .filter((line) => /^postferry_(database|people|job|attempts|messages|copied|workers|coll)/.test(line))
}

t.test('/metrics shows how the move stands', async (t) => {
  t.same(await shown(STANDING), [
    'postferry_database_up 1',
    'postferry_people{provider="old",state="pending",route="destination"} 3',
    'postferry_people{provider="old",state="awaited",route="source"} 2',
    'postferry_people_stopped{provider="old",code="new-full"} 1',
    'postferry_jobs{provider="old",state="waiting"} 4',
    'postferry_jobs{provider="old",state="running"} 2',
    'postferry_jobs{provider="other",state="waiting"} 0',
    'postferry_jobs{provider="other",state="running"} 0',
    'postferry_job_oldest_seconds{provider="old"} 61.5',
    'postferry_job_oldest_seconds{provider="other"} 0',
    'postferry_attempts_last_hour{provider="old",outcome="complete"} 5',
    'postferry_attempts_last_hour{provider="old",outcome="old-timeout"} 1',
    'postferry_messages_last_hour{provider="old"} 42',
    'postferry_messages_last_hour{provider="other"} 0',
    'postferry_copied_messages_total{provider="old",engine="doveadm"} 7',
    'postferry_copied_messages_total{provider="old",engine="offlineimap"} 1',
    'postferry_copied_bytes_total{provider="old",engine="doveadm"} 70000000000',
    'postferry_copied_bytes_total{provider="old",engine="offlineimap"} 9',
    'postferry_workers 1',
    'postferry_people_stranded 6',
    'postferry_collisions 7',
  ])
})

t.test('while the database is away, nothing is shown that would be a guess', async (t) => {
  t.same(await shown(null), ['postferry_database_up 0'])
})

t.test('what is gone is not shown any more', async (t) => {
  const metrics = createMetrics()
  t.match(await metrics.render([], STANDING), /code="new-full"/)
  t.notMatch(
    await metrics.render([], { ...STANDING, stopped: [], attempts: [], copied: [] }),
    /code="new-full"|outcome=|engine=/,
  )
  await metrics.render([], STANDING)
  t.match(
    await metrics.render([], STANDING),
    /copied_messages_total\{provider="old",engine="doveadm"\} 7$/m,
    'no sum of looks',
  )
})

t.test('one look at the database serves all who ask within some seconds', async (t) => {
  let looks = 0
  const look = lookNowAndThen(async () => ({ ...STANDING, workers: ++looks }), 60_000)
  t.same(
    (await Promise.all([look(), look(), look()])).map((standing) => standing?.workers),
    [1, 1, 1],
  )
  t.equal((await look())?.workers, 1)
  const again = lookNowAndThen(async () => ({ ...STANDING, workers: ++looks }), 0)
  t.same([(await again())?.workers, (await again())?.workers], [2, 3])
})

t.test('a database that is slow or away keeps nobody waiting, and is not asked twice at once', async (t) => {
  let asked = 0
  const answer = Promise.withResolvers<Standing>()
  const ask = () => {
    asked++
    return answer.promise
  }
  const look = lookNowAndThen(ask, 60_000, 1)
  t.same([await look(), await look(), asked], [null, null, 1])
  answer.resolve(STANDING)
  await wait(0)
  t.equal((await look())?.workers, 1, 'the late answer counts')
  const away = lookNowAndThen(() => Promise.reject(new Error('away')), 60_000)
  t.same([await away(), await away()], [null, null])
})
