import { hostname } from 'node:os'
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import type { Opener } from '../../policy/ports.ts'
import type { SealedCredential } from '../../policy/records.ts'
import type { House } from '../house.ts'
import { by } from './actor.ts'
import { examples } from './arguments.ts'
import { EXIT, Failure } from './exit.ts'
import { print } from './output.ts'
import type { Outside } from './outside.ts'
import { json } from './text.ts'

/** What is known of one account name; in the field names that the copying host reads. */
type Opened = { id: string; user: string; password: string } | { id: string; error: string }

const ACCOUNT_NAME = /^m-([1-9]\d{0,17})$/
const BATCH = 100

export function addCredentialCommands(mailferry: Command, { open }: Outside): void {
  const credential = mailferry.command('credential').description('what opens an account on the old server')
  const opening = credential
    .command('open')
    .description('read account names (m-1, m-2, …) line by line, print user and password as a JSON object per line')
  examples(opening, 'printf "m-1\\nm-2\\n" | mailferry credential open | your-copying-program').action(async () => {
    if (process.stdout.isTTY) throw new Failure(EXIT.usage, 'passwords are not shown on a terminal: pipe the output')
    await using house = await open()
    const opener = await house.opener()
    const names = await namesOn(process.stdin)
    const who = by({})
    await house.audit.record(hostname(), { ...who, action: 'credential.open', detail: `${names.length} asked for` })
    for (const batch of batchesOf(names)) {
      for (const opened of await openBatch(batch, house, opener, `${who.actor} on ${hostname()}`))
        await print(`${json(opened)}\n`)
    }
  })
}

/** All of them, before the first answer: who asks may write everything before reading anything. */
async function namesOn(input: NodeJS.ReadableStream): Promise<string[]> {
  const names: string[] = []
  for await (const name of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (name !== '') names.push(name)
  }
  return names
}

function* batchesOf(names: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < names.length; start += BATCH) yield names.slice(start, start + BATCH)
}

async function openBatch(
  names: readonly string[],
  { credentials }: House,
  opener: Opener,
  who: string,
): Promise<Opened[]> {
  const ids = names.map((name) => ACCOUNT_NAME.exec(name)?.[1]).filter((id) => id !== undefined)
  const sealed = new Map<string, SealedCredential>()
  for (const credential of await credentials.handOut(ids, who)) sealed.set(`m-${credential.migrationId}`, credential)
  return await Promise.all(names.map((name) => openOne(name, sealed.get(name), opener)))
}

async function openOne(id: string, credential: SealedCredential | undefined, opener: Opener): Promise<Opened> {
  if (credential === undefined) return { id, error: 'no active migration with a credential has this name' }
  try {
    const { address, username, password } = await opener.open(credential.sealed)
    if (address !== credential.address) return { id, error: 'the credential belongs to another address' }
    return { id, user: username, password }
  } catch {
    // What failed may hold what was opened.
    return { id, error: 'the credential cannot be opened with this identity' }
  }
}
