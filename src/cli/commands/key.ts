import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { makeFolder } from '../../files/folder.ts'
import { identityRecipients, initialiseKey, recipientsInForce } from '../../keys/secrets.ts'
import type { Settings } from '../../settings.ts'
import type { CliDeps } from '../deps.ts'
import { examples } from '../terminal/arguments.ts'
import { isDatabaseMade } from '../terminal/database-made.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { print, printDone, printList, printRecord } from '../terminal/output.ts'
import { addRotate } from './key-rotate.ts'

const OTHERS_IN_FORCE =
  'POSTFERRY_RECIPIENTS names other keys, and credentials are sealed to those: put this one into it on every host, and restart serve there'

export function addKeyCommands(postferry: Command, deps: CliDeps): void {
  const key = postferry.command('key').description('the key that credentials are sealed with')
  addInit(key, deps)
  addShow(key, deps)
  addRotate(key, deps)
}

function addInit(key: Command, { settings }: CliDeps): void {
  const init = key
    .command('init')
    .description('make the key: writes the identity file, prints the recipient; an existing key is never overwritten')
    .option('--json', 'print recipient and identity file as JSON')
  examples(init, 'postferry key init', 'POSTFERRY_IDENTITY_FILE=/etc/postferry/identity postferry key init').action(
    async (options) => {
      const inForce = settings()
      refuseExisting(inForce)
      makeFolder(inForce.dataDir)
      const recipient = await initialiseKey(inForce).catch((error: Error) => {
        throw new Failure(EXIT.cannotCreate, error.message)
      })
      const settingsDiffer = inForce.recipients.length > 0
      const fields = { recipient, identity_file: inForce.identityFile, settings_differ: settingsDiffer }
      await printDone(fields, recipient, options)
      if (settingsDiffer && !options.json) process.stderr.write(`postferry: ${OTHERS_IN_FORCE}\n`)
    },
  )
}

function addShow(key: Command, { settings, open }: CliDeps): void {
  const show = key
    .command('show')
    .description('show who can open what is sealed, how much to which key, and whether the identity file is here')
    .option('--json', 'print one JSON object')
  examples(show, 'postferry key show').action(async (options) => {
    const inForce = settings()
    const recipients = await recipientsInForce(inForce)
    if (recipients === null) throw new Failure(EXIT.config, 'there is no key yet: run "postferry key init"')
    const { identity } = await identityHere(inForce, recipients)
    const fields = { recipients, identity_file: inForce.identityFile, identity }
    const sealed = await sealedCounts(inForce, open)
    if (options.json) return await printRecord({ ...fields, sealed }, options)
    await printRecord(fields, options)
    await print('\n')
    if (sealed === null) await print('how much is sealed is not known: the database is away, or not made yet\n')
    else await printList(sealed, { row: (one) => one, columns: ['credentials', 'sealed_to'] }, options)
  })
}

/** How many credentials are sealed to which key; null without a database. */
async function sealedCounts(settings: Settings, open: CliDeps['open']) {
  if (!isDatabaseMade(settings)) return null
  try {
    await using deps = await open()
    return (await deps.sealings.counts()).map(({ to, count }) => ({ credentials: count, sealed_to: to }))
  } catch {
    return null
  }
}

/** Whether this host can open what is sealed. */
export async function identityHere(
  settings: Settings,
  recipients: readonly string[],
): Promise<{ identity: 'matches' | 'does not match' | 'absent' | 'unreadable'; why: string }> {
  const { identityFile } = settings
  try {
    if (statSync(identityFile, { throwIfNoEntry: false }) === undefined) {
      return { identity: 'absent', why: `${identityFile} is not here` }
    }
    const own = await identityRecipients(settings)
    if (recipients.some((recipient) => own.includes(recipient))) return { identity: 'matches', why: identityFile }
    return { identity: 'does not match', why: `${identityFile} is of another key than the recipients in force` }
  } catch (error) {
    return { identity: 'unreadable', why: (error as Error).message }
  }
}

/** A second key would silently take the place of the first. */
function refuseExisting({ identityFile, dataDir }: Settings): void {
  for (const file of [identityFile, join(dataDir, 'recipients')]) {
    if (existsSync(file)) throw new Failure(EXIT.cannotCreate, `there is a key already: ${file}`)
  }
}
