import { readFile, stat } from 'node:fs/promises'
import { replaceFile } from '../files/atomic.ts'
import { type Settings, SettingsError } from '../settings.ts'
import { newestIdentityAlone, newIdentity } from './age.ts'
import { recipientsFile } from './secrets.ts'

/** Adds a new key to the identity file, as its last one; returns its recipient. @throws SettingsError */
export async function addIdentity({ identityFile }: Settings): Promise<string> {
  const { file, recipient } = await newIdentity()
  await rewrite('POSTFERRY_IDENTITY_FILE', identityFile, async (text) => `${text.trimEnd()}\n${file}`)
  return recipient
}

/** Takes all keys but the last one out of the identity file. @throws SettingsError */
export async function keepNewestIdentity({ identityFile }: Settings): Promise<void> {
  await rewrite('POSTFERRY_IDENTITY_FILE', identityFile, newestIdentityAlone)
}

/** @throws SettingsError */
export async function keepRecipients(settings: Settings, recipients: readonly string[]): Promise<void> {
  await rewrite('POSTFERRY_DATA_DIR', recipientsFile(settings), async () => `${recipients.join('\n')}\n`)
}

/** Replaces a file whole; who may read it stays the same. A new one may be read by all. */
async function rewrite(setting: string, path: string, change: (text: string) => Promise<string>): Promise<void> {
  try {
    const before = await stat(path).catch(() => null)
    const text = await change(before === null ? '' : await readFile(path, 'utf8'))
    replaceFile(path, text, before === null ? { mode: 0o644 } : { ...before, mode: before.mode & 0o777 })
  } catch (error) {
    throw new SettingsError(`${setting}: cannot write ${path} (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}
