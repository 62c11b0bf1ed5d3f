import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFile, fileStamp, keptLine } from '../files/atomic.ts'
import { ownerOf } from '../files/become-owner.ts'
import { makeFolder } from '../files/folder.ts'
import { isThere } from '../files/there.ts'
import { token as tokenKind } from '../setting-kinds.ts'
import { type Settings, SettingsError } from '../settings.ts'
import { isRecipient, newIdentity, openWith, recipientsOf } from './age.ts'
import { panelKeyIn } from './panel-key.ts'
import type { Opener } from './ports.ts'

/** What the service makes at its first start, unless the settings give it. */
export interface Secrets {
  readonly authToken: string
  readonly adminToken: string
  readonly recipients: readonly string[]
}

const TOKEN_BYTES = 32

/** The tokens and recipients in force; what the settings do not give is read from the data directory, or made there. */
export async function provideSecrets(settings: Settings): Promise<Secrets> {
  makeFolder(settings.dataDir)
  return {
    authToken: settings.authToken ?? soundToken(join(settings.dataDir, 'auth-token')),
    adminToken: settings.adminToken ?? soundToken(join(settings.dataDir, 'admin-token')),
    recipients: (await recipientsInForce(settings)) ?? [await initialiseKey(settings)],
  }
}

/** What encrypts sessions and TOTP secrets of the panel; made when first needed. @throws SettingsError */
export function panelKeyInForce({ panelKey, dataDir }: Pick<Settings, 'panelKey' | 'dataDir'>): Buffer {
  if (panelKey !== null) return panelKey
  makeFolder(dataDir)
  const file = join(dataDir, 'panel-key')
  const key = panelKeyIn(keptToken(file))
  if (key !== null) return key
  throw new SettingsError(`${file} does not hold 32 bytes in base64 or hex: restore it, or set POSTFERRY_PANEL_KEY`)
}

/** The recipients that are sealed to; null: no key was made yet. @throws EACCES where this user cannot tell */
export async function recipientsInForce(settings: Settings): Promise<readonly string[] | null> {
  if (settings.recipients.length > 0) return settings.recipients
  const file = recipientsFile(settings)
  if (existsSync(file)) return keptRecipients(file)
  if (existsSync(settings.identityFile)) return await identityRecipients(settings)
  // In a folder that is closed to this user there may be one.
  return isThere(file) ? keptRecipients(file) : null
}

/**
 * Makes the age identity, and keeps and returns its recipient. Root makes them for the user who copies here.
 * @throws SettingsError when there is one
 */
export async function initialiseKey(settings: Settings): Promise<string> {
  const { file, recipient } = await newIdentity()
  try {
    createFile(settings.identityFile, file, { ...ownerOf(settings), mode: 0o600 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new SettingsError(`POSTFERRY_IDENTITY_FILE: cannot create ${settings.identityFile} (${code})`)
  }
  createFile(recipientsFile(settings), `${recipient}\n`, { ...ownerOf(settings), mode: 0o644 })
  return recipient
}

/**
 * Opens with the identity file as it is when something is opened: a running worker notices a rotated key.
 * @throws SettingsError when it cannot be read
 */
export async function identityOpener({ identityFile }: Settings): Promise<Opener> {
  const read = async () => ({ stamp: fileStamp(identityFile), opener: await fromIdentity(identityFile, openWith) })
  let known = await read()
  return {
    async open(sealed) {
      if (known.stamp !== fileStamp(identityFile)) known = await read()
      return await known.opener.open(sealed)
    },
  }
}

/** The recipients of the identity file. @throws SettingsError when it cannot be read */
export function identityRecipients({ identityFile }: Settings): Promise<string[]> {
  return fromIdentity(identityFile, recipientsOf)
}

function keptRecipients(file: string): string[] {
  try {
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
    if (lines.length > 0 && lines.every(isRecipient)) return lines
  } catch (error) {
    throw new SettingsError(`cannot read ${file} (${(error as NodeJS.ErrnoException).code})`)
  }
  throw new SettingsError(`${file} does not hold age public keys (age1…): set POSTFERRY_RECIPIENTS, or remove the file`)
}

async function fromIdentity<T>(file: string, read: (file: string) => Promise<T>): Promise<T> {
  try {
    return await read(file)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'it is no age identity file'
    throw new SettingsError(`POSTFERRY_IDENTITY_FILE: cannot read ${file} (${reason})`)
  }
}

/** @throws SettingsError when the file holds a weak one */
function soundToken(file: string): string {
  const token = keptToken(file)
  try {
    tokenKind.read(token)
  } catch (flaw) {
    throw new SettingsError(`the token in ${file} ${(flaw as Error).message}`)
  }
  return token
}

function keptToken(file: string): string {
  return keptLine(file, () => randomBytes(TOKEN_BYTES).toString('base64url'))
}

/** Where the recipients are kept, unless the settings give them. */
export function recipientsFile({ dataDir }: Settings): string {
  return join(dataDir, 'recipients')
}
