import type { Account } from '../../model/account.ts'

type Fields = Record<string, string>

/** An account as Dovecot's userdb extra fields. */
export function userdbFields({ home, quotaBytes }: Account): Fields {
  return { home, ...(quotaBytes === null ? {} : { quota_rule: `*:bytes=${quotaBytes}` }) }
}

/** The same as passdb extra fields, so that Dovecot needs no userdb look-up after a sign-in (userdb prefetch). */
export function passdbFields(account: Account): Fields {
  const fields: Fields = {}
  for (const [name, value] of Object.entries(userdbFields(account))) fields[`userdb_${name}`] = value
  return fields
}
