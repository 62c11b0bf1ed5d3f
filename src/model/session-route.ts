import type { Account } from './account.ts'
import type { Provider } from './provider.ts'

/** Where a person's sessions go: here, or to the old server, which knows them by this name. */
export type SessionRoute =
  /** The account as it was read with the route: a flip says how folders are called here. */
  | { readonly to: 'destination'; readonly account?: Account }
  | { readonly to: 'source'; readonly provider: Provider; readonly username: string }
