import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { shownMail } from '../../src/engines/doveadm/shown-mail.ts'
import { sourceMail } from '../../src/imap/read/listing.ts'
import { digestCaches } from '../../src/ledger/digest-cache.ts'
import { type VerifyDeps, verify } from '../../src/ledger/verify.ts'
import { destinationMail } from '../../src/maildir/listing.ts'
import { enginesFor } from '../../src/wiring/engine.ts'
import { keptInMemory, told } from './ledgers.ts'

// One attempt in a process of its own, which may be killed, and may run in the view of another Debian. Its order comes by
// standard input; what comes of it goes to standard output.
const { order, credential, stateFolder, keptFree, dovecotConf, isCompared, changed } = JSON.parse(
  await text(process.stdin),
)
const engines = enginesFor({
  ...{ offlineimapMetadata: stateFolder, dataDir: stateFolder, keptFree, dovecotConf },
} as Parameters<typeof enginesFor>[0])
let seen = 0
const result = await engines.run(order, credential, {
  signal: new AbortController().signal,
  changed,
  onMessage: () => seen++,
})
const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean)
const running = children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('doveadm')).length
const ledger = isCompared && result.outcome === 'complete' ? await compared() : undefined
process.stdout.write(JSON.stringify({ ...result, seen, running, ledger }))

async function compared(): Promise<string> {
  const directoriesOf = (mailboxes: Parameters<typeof engines.directoriesOf>[0]) => engines.directoriesOf(mailboxes)
  const deps: VerifyDeps = {
    ...{ sourceMail, engine: engines, digests: digestCaches(stateFolder), ledgers: keptInMemory() },
    destinationMail: shownMail({ dovecotConf, files: destinationMail, directoriesOf }),
  }
  const ledger = await verify({ ...order, migrationId: order.id, ...credential }, deps)
  return [ledger.code ?? 'clean', ...told(ledger)].join('\n')
}
