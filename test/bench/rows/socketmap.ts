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
const LEAST_RATE = 5_000

export const socketmap: Row = {
  name: 'socketmap',
  about: 'Postfix asks who is here, against its own pgsql map on the same database; and asked as fast as it answers',
  async measure({ rounds, seconds }) {
    await using ferry = await startKnown({ people: PEOPLE })
    const { dataDir } = ferry.serving
    const pgsql = join(dataDir, 'recipient.cf')
    writeFileSync(pgsql, pgsqlMap(dataDir))
    const maps = { ours: `socketmap:unix:${socketOf(ferry)}:recipient`, theirs: `pgsql:${pgsql}` }
    const compared = await inTurns(
      rounds,
      () => postmapRate(maps.ours, ferry),
      () => postmapRate(maps.theirs, ferry),
    )
    const rates: number[] = []
    for (let round = 0; round < rounds; round++) rates.push(await clientRate(ferry, seconds))
    const [rate, target] = [median(rates), `≥ ${rounded(LEAST_RATE)}/s`]
    return [
      rateLine(`who is here, ${LANES} × postmap -q -`, 'pgsql map', compared, 1),
      aloneLine(`the same, ${LANES} connections`, `${rounded(rate)}/s`, target, rate >= LEAST_RATE),
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
