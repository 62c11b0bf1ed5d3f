import { domain } from './fields.ts'
import { operation, optional, text } from './operation.ts'
import { PAGE, pageAnswer, requestIn } from './page.ts'
import type { Page, PageRequest } from './ports.ts'
import { providerField } from './providers.ts'
import type { Scope } from './report.ts'
import { TakenAtSource as TakenSchema } from './schemas.ts'

/** Mail that was taken because the source takes it, for an address that nobody has here. */
export interface TakenAtSource {
  readonly address: string
  readonly messages: number
  readonly firstAt: Date
  readonly lastAt: Date
}

export interface OnlyAtSourceList {
  /** By address. */
  page(request: PageRequest & Scope): Promise<Page<TakenAtSource>>
}

export const listOnlyAtSource = operation({
  ...{ name: 'report.only-at-source', permission: 'see' },
  summary: 'List the recipients that only the old server took mail for, in the last 90 days',
  fields: {
    provider: optional(providerField('in the domains of this provider')),
    domain: optional(text(domain, 'in this domain')),
    ...PAGE,
  },
  answer: pageAnswer(TakenSchema, ({ address, messages, firstAt, lastAt }: TakenAtSource) => {
    return { address, messages, first_at: firstAt, last_at: lastAt }
  }),
  async run({ provider, domain, ...page }, { onlyAtSource }: { onlyAtSource: OnlyAtSourceList }) {
    return await onlyAtSource.page({ provider: provider?.name, domain, ...requestIn(page) })
  },
})
