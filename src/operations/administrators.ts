import type { Hasher } from '../auth/ports.ts'
import type { TotpSealer } from '../keys/ports.ts'
import { type Administrator, isAdministratorPassword, LEAST_PASSWORD_LENGTH, ROLES } from '../model/administrator.ts'
import { Type } from '../model/json-schema.ts'
import { Refused } from '../model/refused.ts'
import type { Administrators, KnownAdministrator } from './administrator-ports.ts'
import { administratorName } from './fields.ts'
import { type Answer, flag, oneOf, operation, optional, resolved, secret, text } from './operation.ts'
import { listOf, orNull, Text, Time } from './schema.ts'
import { type NewTotp, newTotp } from './totp.ts'

interface Deps {
  readonly administrators: Administrators
  readonly totpSealer: TotpSealer
  readonly hasher: Pick<Hasher, 'hash'>
}

/** An administrator as of now, and the secret of one-time codes that was made: it is shown this once. */
export interface WithTotp {
  readonly administrator: Administrator
  readonly totp: NewTotp | null
}

const PROPERTIES = {
  name: Text,
  role: Type.Enum(ROLES),
  totp: Type.Boolean(),
  created_at: Time,
  signed_in_at: orNull(Time),
}
const Row = Type.Object(PROPERTIES)
const ANSWER: Answer<Administrator> = { schema: Row, row: administratorRow }
const WITH_TOTP: Answer<WithTotp> = {
  schema: Type.Object({ ...PROPERTIES, totp_uri: Type.Optional(Text) }),
  row: ({ administrator, totp }) => ({ ...administratorRow(administrator), ...(totp && { totp_uri: totp.uri }) }),
}

export function administratorRow({ name, role, hasTotp, createdAt, signedInAt }: Administrator) {
  return { name, role, totp: hasTotp, created_at: createdAt, signed_in_at: signedInAt }
}

const known = resolved(text(administratorName, 'as admin list shows it'), administratorNamed)
const role = oneOf(
  ROLES,
  'viewer: sees everything; operator: also acts on migrations; owner: also changes everything else',
)
const password = secret(administratorPassword, `at least ${LEAST_PASSWORD_LENGTH} characters`)

export const addAdministrator = operation({
  ...{ name: 'admin.add', permission: 'own' },
  summary: 'Add an administrator, who may sign in to the panel',
  fields: {
    name: text(administratorName, 'letters, digits, ".", "_", "-" and "@"'),
    role: optional({ ...role, fallback: 'owner' }),
    totp: flag('ask for one-time codes, too; prints the secret for an authenticator app, this once'),
    password,
  },
  answer: WITH_TOTP,
  async run({ name, role = 'owner', totp: wanted = false, password }, deps: Deps, by) {
    await refuseExisting(name, deps)
    const totp = wanted ? await newTotp(name, deps.totpSealer) : null
    const passwordHash = await deps.hasher.hash(password)
    await deps.administrators.add({ name, role, passwordHash, totpSealed: totp?.sealed ?? null }, by)
    return { administrator: (await administratorNamed(name, deps)).administrator, totp }
  },
})

export const listAdministrators = operation({
  ...{ name: 'admin.list', permission: 'own', isAudited: false, summary: 'List the administrators', fields: {} },
  answer: { schema: listOf(Row), row: (all: readonly Administrator[]) => all.map(administratorRow) },
  run: async (_, { administrators }: Pick<Deps, 'administrators'>) => await administrators.list(),
})

export const removeAdministrator = operation({
  ...{ name: 'admin.remove', permission: 'own', summary: 'Remove an administrator and end their sessions' },
  fields: { name: known },
  answer: ANSWER,
  async run({ name: { administrator } }, { administrators }: Pick<Deps, 'administrators'>, by) {
    if (!(await administrators.remove(administrator.name, by))) throw noAdministrator(administrator.name)
    return administrator
  },
})

export const setAdministratorPassword = operation({
  ...{ name: 'admin.passwd', permission: 'own' },
  summary: 'Set the password of an administrator and end their sessions',
  fields: {
    name: known,
    totp: flag('ask for one-time codes of a new secret; prints it for an authenticator app, this once', {
      takeAway: 'ask for no one-time codes any more',
    }),
    password,
  },
  answer: WITH_TOTP,
  async run({ name: { administrator }, totp: wanted, password }, deps: Deps, by) {
    const { name } = administrator
    const totp = wanted ? await newTotp(name, deps.totpSealer) : null
    if (!(await deps.administrators.setPassword(name, await deps.hasher.hash(password), by)))
      throw noAdministrator(name)
    if (wanted !== undefined) await deps.administrators.setTotp(name, totp?.sealed ?? null, by)
    return { administrator: (await administratorNamed(name, deps)).administrator, totp }
  },
})

export const setAdministratorRole = operation({
  ...{ name: 'admin.role', permission: 'own', summary: 'Change the role of an administrator and end their sessions' },
  fields: { name: known, role },
  answer: ANSWER,
  async run({ name: { administrator }, role }, deps: Pick<Deps, 'administrators'>, by) {
    const { name } = administrator
    if (!(await deps.administrators.setRole(name, role, by))) throw noAdministrator(name)
    return (await administratorNamed(name, deps)).administrator
  },
})

/** What administrators sign in with. @throws Refused */
function administratorPassword(text: string): string {
  if (isAdministratorPassword(text)) return text
  throw new Refused('invalid', `the password is too short: it must have at least ${LEAST_PASSWORD_LENGTH} characters`)
}

/** @throws Refused */
export async function refuseExisting(name: string, { administrators }: Pick<Deps, 'administrators'>): Promise<void> {
  if ((await administrators.find(name)) !== null) throw new Refused('conflict', `administrator ${name} exists already`)
}

/** @throws Refused */
export async function administratorNamed(
  name: string,
  { administrators }: Pick<Deps, 'administrators'>,
): Promise<KnownAdministrator> {
  const known = await administrators.find(name)
  if (known === null) throw noAdministrator(name)
  return known
}

function noAdministrator(name: string): Refused {
  return new Refused('not-found', `there is no administrator ${name} (postferry admin list shows them)`)
}
