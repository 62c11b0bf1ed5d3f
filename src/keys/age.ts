import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Credential, Opener, Sealer } from './ports.ts'

const SHORT_LENGTH = 16

/** Only what seals or opens waits until it is loaded. */
const age = (): typeof import('age-encryption') => createRequire(import.meta.url)('age-encryption')

/** Seals to age recipients (age-encryption.org/v1): any of their identities opens it. */
export function sealTo(recipients: readonly string[]): Sealer {
  const { Encrypter } = age()
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  const to = recipients.map(shortName).sort()
  return {
    seal: async ({ address, provider, username, password }) => ({
      bytes: await encrypter.encrypt(JSON.stringify({ address, provider, username, password })),
      to,
    }),
  }
}

/** Enough of a recipient to tell it from others. */
export function shortName(recipient: string): string {
  return recipient.slice(0, SHORT_LENGTH)
}

/** Opens with the identities of an age identity file: one a line, lines with `#` are comments. */
export async function openWith(identityFile: string): Promise<Opener> {
  const { Decrypter } = age()
  const decrypter = new Decrypter()
  for (const identity of identitiesIn(await readFile(identityFile, 'utf8'))) decrypter.addIdentity(identity)
  return {
    async open(sealed) {
      const { provider = null, ...credential } = JSON.parse(await decrypter.decrypt(sealed, 'text'))
      return { provider, ...credential } as Credential
    },
  }
}

export function isRecipient(text: string): boolean {
  const { Encrypter } = age()
  try {
    new Encrypter().addRecipient(text)
    return true
  } catch {
    return false
  }
}

/** A new key pair, as the lines of an identity file and the public recipient. */
export async function newIdentity(): Promise<{ file: string; recipient: string }> {
  const identity = await age().generateX25519Identity()
  const recipient = await age().identityToRecipient(identity)
  return { file: `# public key: ${recipient}\n${identity}\n`, recipient }
}

/** The public recipients of an identity file. @throws when a line is no age identity */
export async function recipientsOf(identityFile: string): Promise<string[]> {
  return await Promise.all(
    identitiesIn(await readFile(identityFile, 'utf8')).map((line) => age().identityToRecipient(line)),
  )
}

/** The text of an identity file with its last identity alone, and without the comments about the others. */
export async function newestIdentityAlone(text: string): Promise<string> {
  const old = identitiesIn(text).slice(0, -1)
  const about = await Promise.all(
    old.map(async (identity) => `# public key: ${await age().identityToRecipient(identity)}`),
  )
  const lines = text.split('\n').filter((line) => !old.includes(line.trim()) && !about.includes(line.trim()))
  return lines.join('\n')
}

function identitiesIn(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}
