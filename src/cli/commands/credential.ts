import { hostname } from 'node:os'
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import type { Keyring } from '../../keys/open-credential.ts'
import type { Outcome } from '../../model/attempt.ts'
import { batchesOf } from '../../model/batches.ts'
import { type Endpoint, parseEndpoint } from '../../model/endpoint.ts'
import type { Deps } from '../../operations/deps.ts'
import type { HandedOut } from '../../operations/ports.ts'
import type { CliDeps } from '../deps.ts'
import { by } from '../terminal/actor.ts'
import { examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { print } from '../terminal/output.ts'
import { json } from '../terminal/text.ts'

/** What is known of one migration; in the field names that the copying host reads. */
type Opened = { id: string; user: string; password: string } | { id: string; error: string; code?: Outcome }

/** The number of a migration, and where whoever asks will send what opens it; null: wherever its provider is. */
interface Wanted {
  readonly id: string
  readonly sentTo: Endpoint | null
}

const NUMBER = /^[1-9]\d{0,17}$/
const BATCH = 100

export function addCredentialCommands(postferry: Command, { open }: CliDeps): void {
  const credential = postferry.command('credential').description('what opens an account on the old server')
  const opening = credential
    .command('open')
    .description(
      'read the numbers of migrations line by line, print user and password as a JSON object per line; each number may ' +
        'be followed by where they will be sent, as {"host":…,"port":…,"tls":…,"trusts":…}',
    )
  examples(opening, 'printf "1\\n2\\n" | postferry credential open | your-copying-program').action(async () => {
    if (process.stdout.isTTY) throw new Failure(EXIT.usage, 'passwords are not shown on a terminal: pipe the output')
    await using deps = await open()
    const keyring = await deps.keyring()
    const wanted = await wantedOn(process.stdin)
    const who = by({})
    await deps.audit.record(hostname(), { ...who, action: 'credential.open', detail: `${wanted.length} asked for` })
    for (const batch of batchesOf(wanted, BATCH)) {
      for (const opened of await openBatch(batch, deps, keyring, `${who.actor} on ${hostname()}`))
        await print(`${json(opened)}\n`)
    }
  })
}

/** All of them, before the first answer: who asks may write everything before reading anything. */
async function wantedOn(input: NodeJS.ReadableStream): Promise<Wanted[]> {
  const wanted: Wanted[] = []
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') wanted.push(parse(line))
  }
  return wanted
}

function parse(line: string): Wanted {
  const [id = '', ...endpoint] = line.split(' ')
  if (endpoint.length === 0) return { id, sentTo: null }
  const sentTo = parseEndpoint(endpoint.join(' '))
  if (sentTo === null) throw new Failure(EXIT.data, `behind ${id} stands no endpoint (--help shows how)`)
  return { id, sentTo }
}

async function openBatch(
  wanted: readonly Wanted[],
  { credentials }: Deps,
  keyring: Keyring,
  who: string,
): Promise<Opened[]> {
  const ids = wanted.map(({ id }) => id).filter((id) => NUMBER.test(id))
  const handed = await credentials.handOut(ids, who)
  const kept = new Map(handed.map((credential) => [credential.migrationId, credential]))
  return await Promise.all(wanted.map((one) => openOne(one, kept.get(one.id), keyring)))
}

async function openOne({ id, sentTo }: Wanted, kept: HandedOut | undefined, keyring: Keyring): Promise<Opened> {
  if (kept === undefined) return { id, error: 'no active migration with a credential has this number' }
  const { credential, refused, why } = await keyring.open(kept, sentTo ?? undefined)
  if (refused !== undefined) return { id, error: why, code: refused }
  return { id, user: credential.username, password: credential.password }
}
