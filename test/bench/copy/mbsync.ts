import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withinOldServers } from '../../support/old-servers.ts'
import type { Spent, World } from '../crossing/world.ts'

/** So many mbsyncs at a time, each with its share of the people; it proves nothing. @returns what each took */
export async function byMbsync(world: World, port: number, slots: number): Promise<readonly Spent[]> {
  const folder = join(world.homes, '.mbsync')
  rmSync(folder, { recursive: true, force: true })
  const shares = Array.from({ length: slots }, (_, share) => world.people.filter((__, at) => at % slots === share))
  const [program = '', ...args] = withinOldServers()
  return await Promise.all(
    shares.map(async (people, share) => {
      const file = join(folder, `${share}.rc`)
      for (const person of people) mkdirSync(join(folder, person), { recursive: true })
      writeFileSync(file, people.map((person) => section(person, port, join(folder, person))).join('\n'))
      return await world.run(program, [...args, 'mbsync', '-c', file, '-a', '-q'], { HOME: folder })
    }),
  )
}

function section(person: string, port: number, folder: string): string {
  return `IMAPAccount ${person}
Host 127.0.0.1
Port ${port}
User ${person}
Pass "secret of ${person.replace(/^p|@.*/g, '')}"
SSLType None
AuthMechs LOGIN

IMAPStore ${person}-old
Account ${person}

MaildirStore ${person}-new
Path ${folder}/
Inbox ${folder}/INBOX
SubFolders Verbatim

Channel ${person}
Far :${person}-old:
Near :${person}-new:
Patterns *
Create Near
Sync Pull
SyncState *
CopyArrivalDate yes
`
}
