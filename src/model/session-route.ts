import type { Provider } from './provider.ts'

/** Where a person's sessions go: here, or to the old server, which knows them by this name. */
export type SessionRoute =
  | { readonly to: 'destination' }
  | { readonly to: 'source'; readonly provider: Provider; readonly username: string }
