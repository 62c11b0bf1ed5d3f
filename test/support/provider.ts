import type { Provider } from '../../src/model/provider.ts'
import { newProvider } from '../../src/model/provider-changes.ts'

/** How tests reach a source, where it does not matter how. */
export const PROVIDER: Provider = newProvider('old', {
  ...{ host: 'localhost', tls: 'none', maxConnections: 4, engine: 'offlineimap' },
})
