import { type Provider, usualProvider } from '../../src/model/provider.ts'

/** How tests reach a source, where it does not matter how. */
export const PROVIDER: Provider = { ...usualProvider('old', 'localhost', 'none'), maxConnections: 4 }
