import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { clusterFolder } from '../../../src/db/embedded/cluster.ts'
import { SocketmapClient } from '../../support/socketmap-client.ts'
import { type Ferry, startKnown } from '../ferry.ts'
import type { Row } from '../row.ts'
import { aloneLine, rateLine, rounded } from '../table.ts'
import { inTurns, median } from '../turns.ts'

const PEOPLE = 64
/** So many processes of Postfix ask at once, each one question after the other. */
const LANES = 8
const KEYS_OF_LANE = 2_000
/** So many processes of Postfix are new, one after the other, and ask once. */
const NEW_PROCESSES = 60
const LEAST_RATE = 5_000

export const socketmap: Row = {
  name: 'socketmap',
  about:
    'a new process of Postfix asks who is here, against its own pgsql map on the same database; and many questions',
  async measure({ rounds, seconds }) {
    await using ferry = await startKnown({ people: PEOPLE })
    const { dataDir } = ferry.serving
    const pgsql = join(dataDir, 'recipient.cf')
    writeFileSync(pgsql, pgsqlMap(dataDir))
    const maps = { ours: `socketmap:unix:${socketOf(ferry)}:recipient`, theirs: `pgsql:${pgsql}` }
    const compared = await inTurns(
      rounds,
      () => coldRate(maps.ours, ferry),
      () => coldRate(maps.theirs, ferry),
    )
    const warm = await inTurns(
      rounds,
      () => postmapRate(maps.ours, ferry),
      () => postmapRate(maps.theirs, ferry),
    )
    const rates: number[] = []
    for (let round = 0; round < rounds; round++) rates.push(await clientRate(ferry, seconds))
    const target = `≥ ${rounded(LEAST_RATE)}/s`
    const alone = (what: string, rate: number, than = '') =>
      aloneLine(what, `${rounded(rate)}/s${than}`, target, rate >= LEAST_RATE)
    return [
      rateLine('who is here (socketmap), cold: a new process for each question', "Postfix's pgsql map", compared, 1),
      alone(`the same, warm: ${LANES} × postmap -q -`, warm.ours, ` (the pgsql map: ${rounded(warm.reference)}/s)`),
      alone(`the same, ${LANES} connections`, median(rates)),
    ]
  },
}

function socketOf({ serving }: Ferry): string {
  return join(serving.dataDir, 'socketmap.sock')
}

function pgsqlMap(dataDir: string): string {
  return `hosts = unix:${clusterFolder(dataDir)}
user = postferry
dbname = postferry
query = SELECT address FROM account WHERE address = '%s'
`
}

/** Questions a second where each is asked by a process of its own. @throws when one is not answered */
async function coldRate(map: string, { people }: Ferry): Promise<number> {
  const startedAt = performance.now()
  for (let number = 0; number < NEW_PROCESSES; number++) {
    const found = await postmap(map, `${people[number % people.length]?.username}\n`)
    if (found !== 1) throw new Error(`${map} found nobody`)
  }
  return NEW_PROCESSES / ((performance.now() - startedAt) / 1000)
}

/** Answers a second of `postmap -q -`. @throws when one is missing */
async function postmapRate(map: string, { people }: Ferry): Promise<number> {
  const keys = Array.from({ length: KEYS_OF_LANE }, (_, number) => `${people[number % people.length]?.username}\n`)
  const startedAt = performance.now()
  const found = await Promise.all(Array.from({ length: LANES }, () => postmap(map, keys.join(''))))
  const answers = found.reduce((sum, lines) => sum + lines, 0)
  if (answers !== LANES * KEYS_OF_LANE) throw new Error(`${map} found ${answers} of ${LANES * KEYS_OF_LANE}`)
  return answers / ((performance.now() - startedAt) / 1000)
}

async function postmap(map: string, keys: string): Promise<number> {
  const child = spawn('/usr/sbin/postmap', ['-q', '-', map], { stdio: ['pipe', 'pipe', 'inherit'] })
  let lines = 0
  child.stdout.on('data', (chunk: Buffer) => (lines += chunk.toString('latin1').split('\n').length - 1))
  child.stdin.end(keys)
  await once(child, 'close')
  return lines
}

/** Answers a second where nobody waits for Postfix. */
async function clientRate(ferry: Ferry, seconds: number): Promise<number> {
  await using clients = new AsyncDisposableStack()
  const startedAt = performance.now()
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    const client = clients.use(await SocketmapClient.open(socketOf(ferry)))
    let answers = 0
    while (performance.now() - startedAt < seconds * 1000) {
      await client.ask(`recipient ${ferry.people[(lane + answers) % PEOPLE]?.username}`)
      answers++
    }
    return answers
  })
  const answers = (await Promise.all(lanes)).reduce((sum, count) => sum + count, 0)
  return answers / ((performance.now() - startedAt) / 1000)
}
