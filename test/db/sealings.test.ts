import t from 'tap'
import type { Database } from '../../src/db/connection/database.ts'
import { credentials } from '../../src/db/credentials.ts'
import { domains } from '../../src/db/domains.ts'
import { providers } from '../../src/db/providers.ts'
import { provisioner } from '../../src/db/provisioning.ts'
import { sealings } from '../../src/db/sealings.ts'
import { parseAddress } from '../../src/model/address.ts'
import { BY } from '../support/by.ts'
import { openTestDatabase } from '../support/database.ts'
import { PROVIDER } from '../support/provider.ts'

const PEOPLE = 300
const ROUNDS = 60

const DOMAIN = { name: 'old.example', newDomain: 'old.example', sharesNames: false }
let database: Database
t.before(async () => {
  database = await openTestDatabase()
  await providers(database.kysely).add(PROVIDER, BY)
  await domains(database.kysely, '/home/%u').add({ ...DOMAIN, provider: PROVIDER.name }, BY)
  for (let person = 0; person < PEOPLE; person++) await provision(person, 1)
})
t.after(() => database[Symbol.asyncDispose]())

async function provision(person: number, password: number): Promise<void> {
  const address = parseAddress(`p${person}@old.example`)
  if (address === null) throw new Error(String(person))
  await provisioner(database.kysely).provision({
    ...{ address, home: `/home/${person}`, provider: PROVIDER },
    ...{ passwordHash: password === 1 ? 'hash' : null, seenHash: null },
    ...{ oldDomain: 'old.example', oldUsername: address.text },
    sealed: { bytes: new Uint8Array([password]), to: ['age1old'] },
  })
}

t.test(
  'credentials are handed out, sealed anew and renewed at the same time, and nobody waits in a circle',
  async (t) => {
    const ids = (await sealings(database.kysely).otherThan([], '0', PEOPLE)).map(({ migrationId }) => migrationId)
    t.equal(ids.length, PEOPLE)
    // Whoever asks may name them in any order.
    const backwards = ids.toReversed()
    const handOut = async (round: number) => {
      const handed = await credentials(database.kysely).handOut(round % 2 ? ids : backwards, 'tests')
      if (handed.length !== PEOPLE) throw new Error(`${handed.length} handed out`)
    }
    const reseal = async (round: number) => {
      const lying = await sealings(database.kysely).otherThan([], '0', PEOPLE)
      const sealed = { bytes: new Uint8Array([2, round]), to: [`age1new${round}`] }
      await sealings(database.kysely).replace(
        (round % 2 ? lying.toReversed() : lying).map((before) => ({ before, sealed })),
      )
    }
    const renew = (round: number) => provision((round * 7) % PEOPLE, 3 + (round % 100))
    await Promise.all([
      repeated(handOut),
      repeated(handOut),
      repeated(reseal),
      repeated(reseal),
      repeated(renew),
      repeated(renew),
    ])
  },
)

async function repeated(work: (round: number) => Promise<unknown>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await work(round)
}

t.end()
