import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { clusterFolder } from '../../src/db/embedded/cluster.ts'

/** A person's way, as the rows say. */
export interface Way {
  readonly route: string
  readonly isRequested: boolean
  /** A worker has the job. */
  readonly isUnderWay: boolean
  /** The last attempt has failed, and the next one is made after a pause. */
  readonly isPaused: boolean
  /** Of a flip that goes on, or has left something. */
  readonly step: string | null
}

const LOOK_MS = 5

/** Looks at everybody's way again and again, also while the database comes and goes. */
export class FlipWatch implements AsyncDisposable {
  readonly #dataDir: string
  readonly #watching: Promise<void>
  readonly #held = new Map<string, { first: number; last: number }>()
  #ways: ReadonlyMap<string, Way> = new Map()
  #isOver = false
  #looks = 0

  constructor(dataDir: string) {
    this.#dataDir = dataDir
    this.#watching = this.#watch()
  }

  of(address: string): Way | undefined {
    return this.#ways.get(address)
  }

  /** How often it has looked. */
  get looks(): number {
    return this.#looks
  }

  /** How long each hold was seen, in milliseconds. */
  get holds(): number[] {
    return [...this.#held.values()].map(({ first, last }) => Math.round(last - first))
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      const client = new pg.Client({ host: clusterFolder(this.#dataDir), user: 'postferry', database: 'postferry' })
      client.on('error', () => undefined)
      try {
        await client.connect()
        while (!this.#isOver) {
          await this.#look(client)
          await pause(LOOK_MS)
        }
      } catch {
        await pause(LOOK_MS)
      } finally {
        await client.end().catch(() => undefined)
      }
    }
  }

  async #look(client: pg.Client): Promise<void> {
    const { rows } = await client.query(WAYS)
    const now = performance.now()
    for (const { hold, route } of rows) {
      if (route === 'held' && hold !== null)
        this.#held.set(hold, { first: this.#held.get(hold)?.first ?? now, last: now })
    }
    this.#ways = new Map(rows.map(({ address, ...way }) => [address, way]))
    this.#looks++
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#watching
  }
}

const WAYS = `select address, route, flip_requested_at is not null as "isRequested", hold, step,
  holder is not null as "isUnderWay", holder is null and failures > 0 as "isPaused"
  from migration left join flip on flip.migration_id = migration.id left join job on job.migration_id = migration.id`
