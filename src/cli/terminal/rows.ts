import type { Provider } from '../../model/provider.ts'
import { providerRow } from '../../operations/rows.ts'
import type { ListShape } from './output.ts'

// Which fields of a row are the columns of a table.

export const providerList: ListShape<Provider> = {
  row: providerRow,
  columns: ['name', 'host', 'port', 'tls', 'max_connections', 'login_name', 'cutover', 'refusal'],
}
