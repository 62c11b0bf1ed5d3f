import { type Static, Type } from 'typebox'
import { AFTER_REFUSALS, LOGIN_NAMES, type Provider, TLS_MODES, windowText } from '../../../model/provider.ts'
import type { ProviderForm } from '../../../operations/provider-fields.ts'
import { Secret } from '../bodies.ts'
import { areaField, checkField, choiceField, textField } from '../forms.ts'
import { html, type Piece } from '../html.ts'

const text = Type.Optional(Type.String({ maxLength: 16_384 }))

/** A provider's form as it is sent. What is ticked is there, what is not is missing. */
export const ProviderBody = Type.Object({
  ...{ name: text, host: text, port: text, tls: text, ca_file: text, fingerprint: text, max_connections: text },
  ...{
    copy_connections: text,
    login_name: text,
    cutover: text,
    forward_client: text,
    reopens: text,
    after_refusal: text,
    window: text,
    include: text,
    exclude: text,
  },
  ...{
    forget_refusal: text,
    plain_text: text,
    current: Type.Optional(Secret()),
    code: Type.Optional(Secret(16)),
    reason: Type.Optional(Type.String({ maxLength: 500 })),
  },
})
export type ProviderBody = Static<typeof ProviderBody>

/** What the form says, as all doors read it. An empty number is the usual one. */
export function formOf(body: ProviderBody): ProviderForm {
  const { host = '', tls = '', login_name = '', ca_file = '', fingerprint = '', window = '' } = body
  const { copy_connections = '', after_refusal = 'admit' } = body
  return {
    ...{
      host: host.trim(),
      tls,
      copy_connections: copy_connections.trim(),
      login_name,
      after_refusal,
      ca_file: ca_file.trim(),
      fingerprint: fingerprint.trim(),
      window: window.trim(),
    },
    ...(body.cutover && { cutover: body.cutover }),
    ...(body.port && { port: body.port.trim() }),
    ...(body.max_connections && { max_connections: body.max_connections.trim() }),
    ...{ forward_client: ticked(body.forward_client), reopens: ticked(body.reopens) },
    plain_text: ticked(body.plain_text),
    ...{ forget_refusal: ticked(body.forget_refusal), include: linesOf(body.include), exclude: linesOf(body.exclude) },
  }
}

/** What stands in the form for a provider. */
export function bodyOf(provider: Provider): ProviderBody {
  return {
    ...{ name: provider.name, host: provider.host, port: String(provider.port), tls: provider.tls },
    ...{ ca_file: provider.caFile ?? '', fingerprint: provider.fingerprint ?? '' },
    ...{ max_connections: String(provider.maxConnections), login_name: provider.loginName, cutover: provider.cutover },
    copy_connections: String(provider.copyConnections ?? ''),
    ...(provider.forwardsClient && { forward_client: 'yes' }),
    ...(provider.reopens && { reopens: 'yes' }),
    ...{ window: windowText(provider.window) ?? '', after_refusal: provider.afterRefusal },
    ...{ include: provider.include.join('\n'), exclude: provider.exclude.join('\n') },
  }
}

/** The lines of the form, with what is wrong beside each. */
export function providerFields(body: ProviderBody, errors: Readonly<Record<string, string>>): Piece {
  const at = (name: keyof ProviderBody) => ({ name, value: body[name] ?? '', error: errors[name] })
  const pairs = (words: readonly string[], titles: Readonly<Record<string, string>>) =>
    words.map((word) => [word, titles[word] ?? word] as const)
  return html`
    ${textField({ ...at('host'), label: 'Host', required: true, hint: 'DNS name or IP address, without scheme and port.', placeholder: 'imap.old.example' })}
    ${choiceField({ ...at('tls'), label: 'Protection', choices: pairs(TLS_MODES, TLS_TITLES) })}
    ${textField({ ...at('port'), label: 'Port', hint: 'Empty: 993 with TLS from the start, else 143.' })}
    ${choiceField({ ...at('login_name'), label: 'People are called there by', choices: pairs(LOGIN_NAMES, LOGIN_TITLES) })}
    ${more(
      'Whose certificate is trusted',
      isSaid(['ca_file', 'fingerprint'], body, errors),
      html`${textField({ ...at('ca_file'), label: 'CA file', hint: "On postferry's host: a PEM file whose certificates are trusted instead of the system's." })}
        ${textField({ ...at('fingerprint'), label: 'Fingerprint', hint: 'SHA-256 of the one certificate that is trusted, whatever its names and dates. The connection test shows it.' })}`,
    )}
    ${more(
      'How it is asked',
      isSaid(['max_connections', 'copy_connections', 'forward_client'], body, errors) ||
        body.after_refusal === 'refuse',
      html`${textField({ ...at('max_connections'), label: 'Connections at a time', hint: 'At most, for sign-ins and copying, from all hosts together. Empty: 20.' })}
        ${textField({ ...at('copy_connections'), label: 'Of these for copying', hint: 'At most. Empty: three quarters; never more.' })}
        ${checkField({ name: 'forward_client', label: "Tell it the address of the person's client", checked: body.forward_client !== undefined, hint: 'A Dovecot has to trust this host for that (login_trusted_networks).' })}
        ${choiceField({ ...at('after_refusal'), label: 'When it refuses whose password is right here', choices: pairs(AFTER_REFUSALS, AFTER_REFUSAL_TITLES) })}
        ${checkField({ name: 'forget_refusal', label: 'Forget how it refuses a password', checked: false, hint: 'The next connection test learns it again.' })}`,
    )}
    ${more(
      'How mail is copied',
      isSaid(['window', 'include', 'exclude', 'reopens'], body, errors) || errors.cutover !== undefined,
      html`${choiceField({ ...at('cutover'), label: 'People move', choices: [['immediate', 'at their first sign-in']], hint: 'Later, when their copy is complete, is not there yet.' })}
        ${textField({ ...at('window'), label: 'Only within these hours', hint: 'As 20:00-06:00 Europe/Berlin. Empty: at any hour.', placeholder: '20:00-06:00' })}
        ${areaField({ ...at('include'), label: 'Folders to copy', hint: 'Patterns of IMAP LIST, one on each line. Empty: all.', rows: 3 })}
        ${areaField({ ...at('exclude'), label: 'Folders to leave out', hint: 'Patterns of IMAP LIST, one on each line.', rows: 3 })}
        ${checkField({ name: 'reopens', label: 'A later sign-in opens a finished migration again', checked: body.reopens !== undefined })}`,
    )}`
}

/** What whoever changes where passwords go has to say besides. */
export function confirmation(errors: Readonly<Record<string, string>>): Piece {
  const names = ['current', 'code', 'tls']
  return more(
    'When host, port, protection or certificate change',
    names.some((name) => errors[name]),
    html`<p>People's passwords are sent there. On the copying host somebody has to approve it, too: <code>postferry provider approve</code>.</p>
      ${textField({ name: 'current', label: 'Your current password', type: 'password', autocomplete: 'current-password', error: errors.current })}
      ${textField({ name: 'code', label: 'Your code', autocomplete: 'one-time-code', hint: 'If you sign in with one.', error: errors.code })}
      ${checkField({ name: 'plain_text', label: 'Passwords may travel in the clear', checked: false, hint: 'Only to take the protection away.' })}`,
  )
}

/** What most providers need not be told; open where something is said of it. */
function more(title: string, isOpen: boolean, fields: Piece): Piece {
  return html`<details class="more" open=${isOpen}><summary>${title}</summary>${fields}</details>`
}

function isSaid(
  names: readonly (keyof ProviderBody)[],
  body: ProviderBody,
  errors: Readonly<Record<string, string>>,
): boolean {
  return names.some((name) => body[name] || errors[name])
}

const TLS_TITLES = { implicit: 'TLS from the start', starttls: 'STARTTLS', none: 'none: passwords travel in the clear' }
const LOGIN_TITLES = { '%u': 'the whole address (%u)', '%n': 'its local part (%n)' }
const AFTER_REFUSAL_TITLES = { admit: 'let them in, and show them as failed', refuse: 'refuse them, as it does' }

function ticked(value: string | undefined): string {
  return value === undefined ? 'false' : 'true'
}

function linesOf(value = ''): string[] {
  return value.split(/\r?\n/).filter((line) => line !== '')
}
