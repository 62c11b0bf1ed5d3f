import { Counter, Gauge, type Registry } from 'prom-client'
import { within } from '../model/timeout.ts'
import type { Standing } from '../operations/standing.ts'

/** So long a look at the database serves all who ask. */
const KEPT_MS = 10_000
const LOOK_LIMIT_MS = 2_000

/** How the move stands, as of the last seconds; null: the database does not say. Never throws. */
export type Look = () => Promise<Standing | null>

/** One look at a time, however many ask, and however long the database takes. */
export function lookNowAndThen(look: () => Promise<Standing>, keptMs = KEPT_MS, limitMs = LOOK_LIMIT_MS): Look {
  let known: { readonly standing: Standing; readonly at: number } | undefined
  let running: Promise<Standing> | undefined
  const lookAgain = async () => {
    const standing = await look()
    known = { standing, at: performance.now() }
    return standing
  }
  return async () => {
    if (known !== undefined && performance.now() - known.at < keptMs) return known.standing
    running ??= lookAgain().finally(() => {
      running = undefined
    })
    return await within(limitMs, running).catch(() => null)
  }
}

/** @returns what shows a standing; without one, all but `postferry_database_up` are left out */
export function standingGauges(registry: Registry): (standing: Standing | null) => void {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] })
  const up = gauge('postferry_database_up', '1: the database answers; 0: what is read from it is not shown')
  const people = gauge('postferry_people', 'Migrations', ['provider', 'state', 'route'])
  const stopped = gauge('postferry_people_stopped', 'Migrations that something stops', ['provider', 'code'])
  const jobs = gauge('postferry_jobs', 'Jobs that are due and wait, or run', ['provider', 'state'])
  const oldest = gauge('postferry_job_oldest_seconds', 'How long the first job that waits has been due', ['provider'])
  const attempts = gauge('postferry_attempts_last_hour', 'Attempts that ended in it', ['provider', 'outcome'])
  const messages = gauge('postferry_messages_last_hour', 'Messages copied by these attempts', ['provider'])
  const counter = (name: string, help: string) =>
    new Counter({ name, help, labelNames: ['provider', 'engine'], registers: [registry] })
  const copied = counter('postferry_copied_messages_total', 'Messages that came from the old server')
  const bytes = counter('postferry_copied_bytes_total', 'Their bytes, as the old server sent them')
  const workers = gauge('postferry_workers', 'Running postferry sync, on all copying hosts')
  const stranded = gauge('postferry_people_stranded', 'People due on copying hosts where no worker runs')
  const collisions = gauge('postferry_collisions', 'People who want what somebody else has')
  const ofStanding = [people, stopped, jobs, oldest, attempts, messages, workers, stranded, collisions]
  return (standing) => {
    up.set(Number(standing !== null))
    for (const each of [copied, bytes]) each.reset()
    for (const each of ofStanding) {
      each.reset()
      // What has no labels would be 0 now.
      each.remove({})
    }
    if (standing === null) return
    for (const { people: count, ...labels } of standing.people) people.set(labels, count)
    for (const { people: count, ...labels } of standing.stopped) stopped.set(labels, count)
    for (const { provider, waiting, running, oldestSeconds } of standing.jobs) {
      jobs.set({ provider, state: 'waiting' }, waiting)
      jobs.set({ provider, state: 'running' }, running)
      oldest.set({ provider }, oldestSeconds)
      messages.set({ provider }, 0)
    }
    for (const { provider, outcome, attempts: count, messages: copied } of standing.attempts) {
      attempts.set({ provider, outcome }, count)
      messages.inc({ provider }, copied)
    }
    for (const { provider, engine, ...total } of standing.copied) {
      copied.inc({ provider, engine }, total.messages)
      bytes.inc({ provider, engine }, total.bytes)
    }
    workers.set(standing.workers)
    stranded.set(standing.stranded)
    collisions.set(standing.collisions)
  }
}
