import { isAbsolute } from 'node:path'
import {
  AFTER_REFUSALS,
  type AfterRefusal,
  type CopyWindow,
  type Cutover,
  LOGIN_NAMES,
  type LoginName,
  mostForCopying,
  type Provider,
  TLS_MODES,
  type TlsMode,
  usualProvider,
} from '../model/provider.ts'
import { isRefused, Refused } from '../model/refused.ts'
import { readableCa } from './ca-file.ts'
import { connections, copyWindow, cutover, fingerprint, host, oneOf, pattern, port } from './fields.ts'

/** What somebody says of a provider; false takes a value away, and what is not said stays. */
export interface ProviderFields {
  readonly host?: string
  readonly port?: number
  readonly tls?: TlsMode
  /** Takes the protection away knowingly. */
  readonly plainText?: boolean
  /** A file that can be used. */
  readonly caFile?: string | false
  readonly fingerprint?: string | false
  readonly maxConnections?: number
  readonly copyConnections?: number | false
  readonly loginName?: LoginName
  readonly cutover?: Cutover
  readonly forwardClient?: boolean
  readonly forgetRefusal?: boolean
  readonly reopens?: boolean
  readonly afterRefusal?: AfterRefusal
  readonly window?: CopyWindow | false
  readonly include?: readonly string[] | false
  readonly exclude?: readonly string[] | false
}

export function newProvider(name: string, host: string, fields: ProviderFields): Provider {
  return changedProvider(usualProvider(name, host, fields.tls), fields)
}

/**
 * The provider with what was given, and everything else as it is.
 * @throws Refused when its passwords would travel in the clear from now on, and nobody said that they may
 * @throws Refused when that does not fit together
 */
export function changedProvider(provider: Provider, fields: ProviderFields): Provider {
  if (fields.tls === 'none' && provider.tls !== 'none' && !fields.plainText) throw new Refused('invalid', IN_THE_CLEAR)
  const changed = withFields(provider, fields)
  const most = mostForCopying(changed.maxConnections)
  if (changed.copyConnections === null || changed.copyConnections <= most) return changed
  throw new Refused(
    'conflict',
    `of ${changed.maxConnections} connections copying may have ${most} at most: the others are for sign-ins`,
  )
}

function withFields(provider: Provider, { plainText: _, ...fields }: ProviderFields): Provider {
  const { copyConnections, caFile, fingerprint, forwardClient, forgetRefusal, window, include, exclude, ...plain } =
    fields
  const elsewhere = (plain.host ?? provider.host) !== provider.host || (plain.port ?? provider.port) !== provider.port
  return {
    ...provider,
    ...plain,
    // Another server refuses in words of its own.
    ...((elsewhere || forgetRefusal) && { refusal: null }),
    ...(window !== undefined && { window: window || null }),
    ...(forwardClient !== undefined && { forwardsClient: forwardClient }),
    ...(copyConnections !== undefined && { copyConnections: copyConnections || null }),
    ...(caFile !== undefined && { caFile: caFile || null }),
    ...(fingerprint !== undefined && { fingerprint: fingerprint || null }),
    ...(include !== undefined && { include: include || [] }),
    ...(exclude !== undefined && { exclude: exclude || [] }),
  }
}

const IN_THE_CLEAR = 'With tls none passwords travel in the clear: confirm it with plain_text (--plain-text).'

const READERS = {
  host: (text) => ({ host: host(text) }),
  port: (text) => ({ port: port(text) }),
  tls: (text) => ({ tls: oneOf(TLS_MODES)(text) }),
  plain_text: (text) => ({ plainText: yesOrNo(text) }),
  ca_file: (text) => ({ caFile: text !== '' && absoluteCa(text) }),
  fingerprint: (text) => ({ fingerprint: text !== '' && fingerprint(text) }),
  max_connections: (text) => ({ maxConnections: connections(text) }),
  copy_connections: (text) => ({ copyConnections: text !== '' && connections(text) }),
  login_name: (text) => ({ loginName: oneOf(LOGIN_NAMES)(text) }),
  cutover: (text) => ({ cutover: cutover(text) }),
  forward_client: (text) => ({ forwardClient: yesOrNo(text) }),
  forget_refusal: (text) => ({ forgetRefusal: yesOrNo(text) }),
  reopens: (text) => ({ reopens: yesOrNo(text) }),
  after_refusal: (text) => ({ afterRefusal: oneOf(AFTER_REFUSALS)(text) }),
  window: (text) => ({ window: text !== '' && copyWindow(text) }),
} satisfies Record<string, (text: string) => ProviderFields>
const LISTS = ['include', 'exclude'] as const

/**
 * A provider in the texts of a form, by the names that its row has: '' takes a value away, 'true' and 'false' are what
 * may be ticked, `include` and `exclude` are a pattern each, and what is not there stays.
 */
export type ProviderForm = Readonly<
  Partial<Record<keyof typeof READERS, string> & Record<(typeof LISTS)[number], readonly string[]>>
>

/** What a form says of a provider, or what is wrong with it by the names of its fields. */
export function readProviderForm(
  form: ProviderForm,
): { fields: ProviderFields; errors?: undefined } | { fields?: undefined; errors: Readonly<Record<string, string>> } {
  const errors: Record<string, string> = {}
  const read = (name: string, reader: () => ProviderFields): ProviderFields => {
    try {
      return reader()
    } catch (error) {
      if (!isRefused(error, 'invalid')) throw error
      errors[name] = error.message
      return {}
    }
  }
  const singles = Object.entries(READERS).map(([name, reader]) => {
    const text = form[name as keyof typeof READERS]
    return text === undefined ? {} : read(name, () => reader(text))
  })
  const lists = LISTS.map((name) => read(name, () => (form[name] ? { [name]: form[name].map(pattern) } : {})))
  const fields: ProviderFields = Object.assign({}, ...singles, ...lists)
  return Object.keys(errors).length > 0 ? { errors } : { fields }
}

/** Who is not on this host cannot know what a relative path starts from. */
function absoluteCa(text: string): string {
  if (isAbsolute(text)) return readableCa(text)
  throw new Refused('invalid', "It must be an absolute path on postferry's host.")
}

function yesOrNo(text: string): boolean {
  return oneOf(['true', 'false'])(text) === 'true'
}
