// Compares one mailbox in a process of its own, and prints what it needed.

import { verify } from '../../src/ledger/verify.ts'
import { comparing, summary } from './ledgers.ts'

const { home, metadata, provider, username, password } = JSON.parse(process.env.ORDER ?? '')
// What was read of one person is not another's, whose mailbox may be of the same second.
const ledger = await verify({ migrationId: username, home, provider, username, password }, comparing(metadata))
const listed = ledger.differences.length
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6
process.stdout.write(
  JSON.stringify({ ...summary(ledger), listed, seconds: ledger.seconds, maxRSS: maxRSS * 1024, cpuSeconds }),
)
