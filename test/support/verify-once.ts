// Compares one mailbox in a process of its own, and prints what it needed.

import { verify } from '../../src/ledger/verify.ts'
import { comparing, summary } from './ledgers.ts'

const { metadata, ...order } = JSON.parse(process.env.ORDER ?? '')
const ledger = await verify(order, comparing(metadata))
const listed = ledger.differences.length
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6
process.stdout.write(
  JSON.stringify({ ...summary(ledger), listed, seconds: ledger.seconds, maxRSS: maxRSS * 1024, cpuSeconds }),
)
