import { readFile, stat } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { replaceFile } from '../files/atomic.ts'
import type { By } from '../model/audit.ts'
import { Refused } from '../model/refused.ts'
import { type Settings, SettingsError } from '../settings.ts'
import { newestIdentityAlone, newIdentity, sealTo, shortName } from './age.ts'
import type { AuditLog, Instances, Sealings } from './ports.ts'
import { type Rotation, reseal } from './reseal.ts'
import { identityOpener, identityRecipients, recipientsFile, recipientsInForce } from './secrets.ts'

interface Records {
  readonly sealings: Sealings
  readonly audit: AuditLog
  readonly instances: Instances
}

const POLL_MS = 200

/**
 * Makes a new key and seals everything to it. While the identity file holds more than one key a rotation is under way:
 * then it goes on with the last one. The old keys stay in the file.
 */
export async function rotateKey(
  settings: Settings,
  { sealings, audit }: Pick<Records, 'sealings' | 'audit'>,
  by: By,
  onProgress: (resealed: number) => void,
): Promise<Rotation> {
  return await alone(sealings, async () => {
    const { own, newest: last, others } = await keysOf(settings)
    const started = own.length === 1
    const recipient = started ? await addIdentity(settings) : last
    const recipients = [recipient, ...others]
    if (started) await audit.record(shortName(recipient), { ...by, action: 'key.rotate', detail: 'a new key' })
    else await sealings.reinstate(shortName(recipient))
    // From here on a running service seals to the new key.
    if (settings.recipients.length === 0) await keepRecipients(settings, recipients)
    const opener = await identityOpener(settings)
    const to = recipients.map(shortName).sort()
    const result = await reseal({ sealings, opener, sealer: sealTo(recipients), to }, onProgress)
    const detail = `${result.resealed} sealed to it, ${result.unopenedCount} cannot be opened`
    await audit.record(shortName(recipient), { ...by, action: 'key.rotate', detail })
    const settingsDiffer = settings.recipients.length > 0 && !sameSet(settings.recipients, recipients)
    return { ...result, recipient, started, settingsDiffer }
  })
}

/** Takes all keys but the newest out of the identity file. @throws Refused while anything may need them */
export async function dropOldKeys(
  settings: Settings,
  { sealings, audit, instances }: Records,
  by: By,
): Promise<readonly string[]> {
  return await alone(sealings, async () => {
    const { own, newest, inForce } = await keysOf(settings)
    const old = own.filter((recipient) => recipient !== newest)
    if (old.length === 0) throw new Refused('conflict', 'there is no old key: the identity file holds one only')
    const explicit = inForce.filter((recipient) => old.includes(recipient))
    if (explicit.length > 0)
      throw new Refused('conflict', 'the recipients in force still name an old key: see "postferry key show"')
    await refuseSealingToOld(shortName(newest), instances)
    const left = await sealings.retire(old.map(shortName), shortName(newest))
    if (left > 0)
      throw new Refused('conflict', `${left} credentials are not sealed to the new key yet: run "postferry key rotate"`)
    await keepNewestIdentity(settings)
    await audit.record(shortName(newest), { ...by, action: 'key.drop', detail: old.map(shortName).join(', ') })
    return old
  })
}

/** Refuses while a live service seals to an old key; those that died are not waited for long. */
async function refuseSealingToOld(newest: string, instances: Instances): Promise<void> {
  const since = await instances.clock()
  let live = await instances.live()
  while (live.some(({ seenAt }) => seenAt < since)) {
    await wait(POLL_MS)
    live = await instances.live()
  }
  const hosts = new Set(live.filter(({ sealsTo }) => !sealsTo.includes(newest)).map(({ host }) => host))
  if (hosts.size === 0) return
  const remedy = 'set POSTFERRY_RECIPIENTS to the new key there, and restart "postferry serve"'
  throw new Refused('conflict', `sign-ins are still sealed to an old key on ${[...hosts].join(', ')}: ${remedy}`)
}

async function alone<T>(sealings: Sealings, work: () => Promise<T>): Promise<T> {
  const done = await sealings.alone(async () => ({ result: await work() }))
  if (done === null) throw new Refused('conflict', 'another "postferry key rotate" is running')
  return done.result
}

/** The keys of the identity file, oldest first, and other recipients, an escrow key for instance. */
async function keysOf(settings: Settings) {
  const own = await identityRecipients(settings)
  const newest = own.at(-1)
  if (newest === undefined) throw new SettingsError(`POSTFERRY_IDENTITY_FILE: no key in ${settings.identityFile}`)
  const inForce = (await recipientsInForce(settings)) ?? []
  return { own, newest, inForce, others: inForce.filter((recipient) => !own.includes(recipient)) }
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  return new Set(one).size === new Set(other).size && one.every((item) => other.includes(item))
}

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
async function keepRecipients(settings: Settings, recipients: readonly string[]): Promise<void> {
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
