import type { AuditEntry } from '../model/audit.ts'
import { time } from './fields.ts'
import { operation, optional, text } from './operation.ts'
import { PAGE, pageAnswer, requestIn } from './page.ts'
import { person, subject } from './person.ts'
import type { Audit } from './ports.ts'
import { AuditEntry as EntrySchema } from './schemas.ts'

export function auditRow({ at, actor, action, subject, reason, detail }: AuditEntry) {
  return { at, actor, action, subject, reason, detail }
}

export const listAudit = operation({
  ...{ name: 'audit.list', permission: 'see', summary: 'List the changes, newest first' },
  fields: {
    address: optional(person),
    subject: optional(subject),
    actor: optional(text(String, 'by this actor, as `api`, `cli:root` or `panel:anna`')),
    action: optional(text(String, 'of this kind, as `migration.pause`')),
    since: optional(text(time, 'not before this time, as 2026-11-23 or 2026-11-23T14:00', { placeholder: 'time' })),
    ...PAGE,
  },
  answer: pageAnswer(EntrySchema, auditRow),
  async run({ address, subject, actor, action, since, ...page }, { audit }: { audit: Pick<Audit, 'page'> }) {
    const subjects = address?.filter((name) => subject?.includes(name) ?? true) ?? subject
    return await audit.page({ filter: { subjects, actor, action, since }, ...requestIn(page) })
  },
})
