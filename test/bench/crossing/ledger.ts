import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Line, Row } from '../row.ts'
import { aloneLine, rounded } from '../table.ts'
import { median } from '../turns.ts'
import { startWorld } from './world.ts'

const MESSAGES = 5_000

export const ledger: Row = {
  name: 'ledger',
  about: 'comparing 5,000 messages at the source and the destination',
  async measure({ rounds }): Promise<Line[]> {
    await using world = await startWorld({ people: 1, messages: MESSAGES, mailboxes: ['INBOX'] })
    const [person = ''] = world.people
    await world.run('postferry', ['sync', '--account', person])
    const { rows } = await world.query('select id from migration')
    const metadata = join(world.metadata(1), '../offlineimap')
    const rate = async () => {
      const { stdout } = await world.run('postferry', ['verify', person, '--json'])
      const { messages, seconds, clean } = JSON.parse(stdout)
      if (!clean || messages !== MESSAGES) throw new Error(`the ledger is not clean: ${stdout.slice(0, 500)}`)
      return messages / seconds
    }
    const [whole, again]: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      rmSync(join(metadata, `postferry-proofs-${rows[0].id}.sqlite`))
      whole.push(await rate())
      again.push(await rate())
    }
    return [
      aloneLine('ledger, every message read', `${rounded(median(whole))} messages/s`, '–', true),
      aloneLine('ledger, nothing changed since the last', `${rounded(median(again))} messages/s`, '–', true),
    ]
  },
}
