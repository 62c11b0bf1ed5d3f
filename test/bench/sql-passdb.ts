import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hash } from '@node-rs/argon2'
import pg from 'pg'
import { openEmbedded } from '../../src/db/embedded/postgres.ts'
import type { Dovecot } from '../support/dovecot.ts'
import { startPassdb } from './asking-dovecot.ts'
import type { Person } from './lanes/lane.ts'
import { COST } from './lanes/verify.ts'

/** A Dovecot that verifies postferry's kind of hash itself, out of a PostgreSQL on a Unix socket. */
export async function startSqlPassdb(people: readonly Person[]): Promise<Dovecot & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'postferry-sql-'))
  opened.defer(() => rmSync(folder, { recursive: true, force: true }))
  const sockets = join(folder, 'sockets')
  const postgres = opened.use(await openReachable(folder, sockets))
  await fill(postgres.connection, people)
  const query = "SELECT hash AS password FROM person WHERE username = '%u'"
  const connect = `host=${sockets} user=postferry dbname=postferry`
  const settings = join(folder, 'sql.conf.ext')
  writeFileSync(settings, `driver = pgsql\nconnect = ${connect}\npassword_query = ${query}\n`)
  chmodSync(settings, 0o644)
  const dovecot = opened.use(await startPassdb(`driver = sql\nargs = ${settings}`))
  const kept = opened.move()
  return { ...dovecot, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** PostgreSQL with one more socket, which Dovecot's users reach. */
async function openReachable(folder: string, sockets: string) {
  chmodSync(folder, 0o711)
  mkdirSync(sockets)
  chmodSync(sockets, 0o1777)
  const data = join(folder, 'data')
  mkdirSync(data)
  return await openEmbedded(data, {
    unix_socket_directories: `/proc/self/fd/3,${sockets}`,
    unix_socket_permissions: '0777',
  })
}

async function fill(connection: pg.ClientConfig, people: readonly Person[]): Promise<void> {
  const client = new pg.Client(connection)
  await client.connect()
  await client.query('create table person (username text primary key, hash text not null)')
  for (const { username, password } of people) {
    await client.query('insert into person values ($1, $2)', [username, `{ARGON2ID}${await hash(password, COST)}`])
  }
  await client.end()
}
