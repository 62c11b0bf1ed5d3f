import { setTimeout as pause } from 'node:timers/promises'
import type { Account } from '../model/account.ts'
import type { Route } from '../model/migration.ts'
import type { Provider } from '../model/provider.ts'
import type { SessionRoute } from '../model/session-route.ts'

/** The route of a person's migration, as it is at this moment. */
export interface RouteRow {
  readonly route: Route
  readonly provider: Provider
  readonly username: string
  /** Null: the person has none yet. */
  readonly account: Account | null
}

export interface Routes {
  /** Null: nobody of that address moves. A hold that is over by the clock is ended first. */
  routeOf(address: string): Promise<RouteRow | null>
}

export interface RouteDeps {
  readonly routes: Routes
  /** Waits for the database, but not for ever. @throws Unavailable */
  fromDatabase<T>(work: Promise<T>): Promise<T>
}

/** A flip holds for a fraction of a second as a rule. */
const LOOK_AGAIN_MS = 50

/**
 * Where the person's sessions go, read for this answer alone. While a flip holds them it waits.
 * @returns `held` when it still does after so long
 * @throws Unavailable
 */
export async function sessionRoute(
  address: string,
  { routes, fromDatabase }: RouteDeps,
  limitMs: number,
): Promise<SessionRoute | 'held'> {
  for (const begun = performance.now(); ; await pause(LOOK_AGAIN_MS)) {
    const row = await fromDatabase(routes.routeOf(address))
    if (row === null) return { to: 'destination' }
    if (row.route === 'destination') return { to: 'destination', ...(row.account && { account: row.account }) }
    if (row.route === 'source') return { to: 'source', provider: row.provider, username: row.username }
    if (performance.now() - begun > limitMs) return 'held'
  }
}
