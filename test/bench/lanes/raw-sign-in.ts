import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { hash } from '@node-rs/argon2'
import pg from 'pg'
import { openEmbedded } from '../../../src/db/embedded/postgres.ts'
import type { Lane, Person } from './lane.ts'
import { COST } from './verify.ts'

export interface RawSignInSettings {
  readonly kind: 'raw-sign-in'
  readonly people: readonly Person[]
  readonly lanes: number
  /** The source's IMAP over TLS. */
  readonly port: number
  readonly ca: string
  /** Whose embedded PostgreSQL takes the commits. */
  readonly dataDir: string
}

/** The least that a first sign-in needs: a login at the source, a hash, a commit. */
export async function rawSignInLanes({ people, lanes, port, ca, dataDir }: RawSignInSettings): Promise<Lane[]> {
  const { connection } = await openEmbedded(dataDir)
  const database = new pg.Client(connection)
  await database.connect()
  await database.query('create table if not exists bench (username text primary key, hash text not null)')
  const authority = readFileSync(ca)
  const signIn = async ({ username, password }: Person) => {
    await login(port, authority, username, password)
    const hashed = await hash(password, COST)
    await database.query({ name: 'commit', text: 'insert into bench values ($1, $2)', values: [username, hashed] })
  }
  const lane: Lane = {
    ask(person, answered) {
      signIn(people[person] as Person).then(
        () => answered('OK'),
        (error) => answered(String(error)),
      )
    },
  }
  return Array.from({ length: lanes }, () => lane)
}

function login(port: number, ca: Buffer, username: string, password: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: 'localhost', servername: 'localhost', ca }).setEncoding('latin1')
    let text = ''
    let greeted = false
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the source closed the connection')))
    socket.on('data', (chunk: string) => {
      text += chunk
      if (!greeted && text.includes('\r\n')) {
        greeted = true
        socket.write(`a LOGIN "${username}" "${password}"\r\n`)
      }
      const answer = /^a (OK|NO|BAD)/m.exec(text)?.[1]
      if (answer === undefined) return
      socket.destroy()
      if (answer === 'OK') resolve()
      else reject(new Error(`the source said ${answer}`))
    })
  })
}
