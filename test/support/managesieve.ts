import { chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { literal, SieveConversation } from '../../src/imap/sieve/conversation.ts'
import type { Provider } from '../../src/model/provider.ts'
import type { Debian } from './debian.ts'
import { HANG_MS } from './until.ts'

/** Of an old Dovecot: ManageSieve on this port, beside IMAP. */
export function withManageSieve({ dovecot }: Pick<Debian, 'dovecot'>, port: number): string {
  const [protocols, storage] =
    dovecot === '2.3'
      ? ['protocols = imap sieve', '']
      : [
          'protocols {\n  sieve = yes\n}',
          'sieve_script personal {\n  driver = file\n  path = ~/sieve\n  active_path = ~/.dovecot.sieve\n}',
        ]
  return `${protocols}
${storage}
service managesieve-login {
  inet_listener sieve {
    port = ${port}
  }
}`
}

/** Of a new Dovecot: filters work on what its LMTP delivers. */
export function withSieve({ dovecot }: Pick<Debian, 'dovecot'>): string {
  if (dovecot === '2.3') return 'protocol lmtp {\n  mail_plugins = $mail_plugins sieve\n}'
  return `protocol lmtp {
  mail_plugins {
    sieve = yes
  }
}
sieve_script personal {
  driver = file
  path = ~/sieve
  active_path = ~/.dovecot.sieve
}`
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Puts a person's scripts into a home, unchecked: who has another Pigeonhole knows others. */
export function putScripts(
  home: string,
  scripts: Readonly<Record<string, string | Buffer>>,
  active: string | null,
  { uid, gid }: Owner,
): void {
  const folder = join(home, 'sieve')
  const link = join(home, '.dovecot.sieve')
  mkdirSync(folder, { recursive: true })
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(folder, `${name}.sieve`), script)
    chownSync(join(folder, `${name}.sieve`), uid, gid)
  }
  for (const path of [home, folder]) chownSync(path, uid, gid)
  rmSync(link, { force: true })
  if (active !== null) symlinkSync(`sieve/${active}.sieve`, link)
}

/** As a mail program does; the last of those that the server lists becomes the active one. */
export async function putByManageSieve(
  provider: Provider,
  port: number,
  [user, password]: readonly [string, string],
  scripts: Readonly<Record<string, string>>,
): Promise<void> {
  await using conversation = await SieveConversation.open(provider, port, AbortSignal.timeout(HANG_MS))
  const answers = [await conversation.signIn(user, password)]
  for (const [name, script] of Object.entries(scripts))
    answers.push(await conversation.say(`PUTSCRIPT ${literal(name)} ${literal(script)}`))
  const { lines } = await conversation.say('LISTSCRIPTS')
  answers.push(await conversation.say(`SETACTIVE ${literal(String(lines.at(-1)?.[0]))}`))
  const refused = answers.find(({ status }) => status !== 'OK')
  if (refused) throw new Error(`ManageSieve says ${refused.status} ${refused.said}`)
}
