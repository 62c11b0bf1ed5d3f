import { randomUUID } from 'node:crypto'
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Settings, SettingsError } from './config.ts'
import { recipientsFile } from './data-dir.ts'
import { newestIdentityAlone, newIdentity } from './seal/age.ts'
import { settle } from './whole-file.ts'

/** Adds a new key to the identity file, as its last one; returns its recipient. @throws SettingsError */
export async function addIdentity({ identityFile }: Settings): Promise<string> {
  const { file, recipient } = await newIdentity()
  await rewrite('MAILFERRY_IDENTITY_FILE', identityFile, async (text) => `${text.trimEnd()}\n${file}`)
  return recipient
}

/** Takes all keys but the last one out of the identity file. @throws SettingsError */
export async function keepNewestIdentity({ identityFile }: Settings): Promise<void> {
  await rewrite('MAILFERRY_IDENTITY_FILE', identityFile, newestIdentityAlone)
}

/** @throws SettingsError */
export async function keepRecipients(settings: Settings, recipients: readonly string[]): Promise<void> {
  await rewrite('MAILFERRY_DATA_DIR', recipientsFile(settings), async () => `${recipients.join('\n')}\n`)
}

/** Replaces a file whole; who may read it stays the same. A new one may be read by all. */
async function rewrite(setting: string, path: string, change: (text: string) => Promise<string>): Promise<void> {
  const unfinished = join(dirname(path), `.${basename(path)}.${randomUUID()}`)
  try {
    const before = await stat(path).catch(() => null)
    const text = await change(before === null ? '' : await readFile(path, 'utf8'))
    const file = await open(unfinished, 'wx', 0o600)
    await fill(file, text, before ?? { mode: 0o644, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 })
    await rename(unfinished, path)
    settle(dirname(path))
  } catch (error) {
    await rm(unfinished, { force: true })
    throw new SettingsError(`${setting}: cannot write ${path} (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}

async function fill(file: FileHandle, text: string, like: { mode: number; uid: number; gid: number }): Promise<void> {
  try {
    await file.chown(like.uid, like.gid)
    await file.chmod(like.mode & 0o777)
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
