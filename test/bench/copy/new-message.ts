import { moveProvider } from '../../support/ferry.ts'
import { startRelay } from '../../support/relay.ts'
import type { Line } from '../row.ts'
import { aloneLine } from '../table.ts'
import { median } from '../turns.ts'
import { addMessage, here, secondsUntil, startOne } from './mailbox.ts'
import type { CopyRow } from './size.ts'

const FOLDERS = 100
const ROUND_TRIP_MS = 40
const TARGET_SECONDS = 3

export const newMessage: CopyRow = {
  name: 'new-message',
  about: 'one new message in a copied mailbox of 100 folders, at 40 ms of round trip: until it is here',
  async measure({ rounds, isFull }): Promise<Line[]> {
    const each = isFull ? 200 : 20
    const names = ['INBOX', ...Array.from({ length: FOLDERS - 1 }, (_, at) => `folder${at}`)]
    await using world = await startOne(names, each)
    await world.run('postferry', ['sync', '--once'])
    await using relay = await startRelay(world.port, undefined, ROUND_TRIP_MS)
    await moveProvider(world.service, 'old', relay.port)
    const times: number[] = []
    for (let round = 0; round < rounds + 2; round++) {
      await addMessage(world, 'folder7', 1_000)
      await world.query('update job set due_at = now()')
      times.push(await secondsUntil(world, '.folder7', here(world, '.folder7') + 1))
    }
    const seconds = median(times)
    const what = `one new message in a mailbox of ${(FOLDERS * each).toLocaleString('en-US')} in ${FOLDERS} folders, ${ROUND_TRIP_MS} ms: until it is here`
    return [aloneLine(what, `${seconds.toFixed(1)} s`, `≤ ${TARGET_SECONDS} s`, seconds <= TARGET_SECONDS)]
  },
}
