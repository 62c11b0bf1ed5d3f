import { type ImapAccount, ImapWire } from './imap-wire.ts'

const KEPT = 'Kept'

/** A message on the destination. */
interface Found {
  readonly folder: string
  readonly number: number
  readonly id: string
  readonly flags: string
}

/** Somebody who reads, flags, moves, deletes and uploads, and who remembers what she did. */
export class PersonAtWork {
  readonly #account: ImapAccount
  readonly #deleted = new Set<string>()
  readonly #moved = new Set<string>()
  readonly #flagged = new Set<string>()
  readonly #uploaded = new Set<string>()

  private constructor(account: ImapAccount) {
    this.#account = account
  }

  static async begin(account: ImapAccount): Promise<PersonAtWork> {
    await using wire = await ImapWire.open(account)
    await wire.command(`CREATE ${KEPT}`)
    return new PersonAtWork(account)
  }

  /** What she has uploaded less what she has deleted. */
  get balance(): number {
    return this.#uploaded.size - this.#deleted.size
  }

  /** So many things, each to a message of the INBOX that she has not touched yet. */
  async work(things: number): Promise<void> {
    await using wire = await ImapWire.open(this.#account)
    for (let thing = 0; thing < things; thing++) {
      const all = await list(wire, 'INBOX', 'SELECT')
      const untouched = all.filter(({ id }) => !this.#flagged.has(id) && !this.#uploaded.has(id))
      const one = untouched[Math.floor(Math.random() * untouched.length)]
      if (one !== undefined) await this.#do(wire, thing % 3, one)
      await this.#upload(wire)
    }
  }

  async #do(wire: ImapWire, thing: number, { number, id }: Found): Promise<void> {
    if (thing === 0) {
      await wire.command(`STORE ${number} +FLAGS (\\Flagged hers)`)
      this.#flagged.add(id)
    } else if (thing === 1) {
      await wire.command(`MOVE ${number} ${KEPT}`)
      this.#moved.add(id)
    } else {
      await wire.command(`STORE ${number} +FLAGS (\\Deleted)`)
      await wire.command('EXPUNGE')
      this.#deleted.add(id)
    }
  }

  async #upload(wire: ImapWire): Promise<void> {
    const id = `<hers.${this.#uploaded.size}@new.example>`
    await wire.command('APPEND INBOX ', Buffer.from(`Message-ID: ${id}\r\nSubject: hers\r\n\r\nhers\r\n`))
    this.#uploaded.add(id)
  }

  /** What is twice, and what of hers was undone. */
  async flaws(): Promise<string[]> {
    const all = await this.#all()
    const places = Map.groupBy(all, ({ id }) => id)
    const twice = [...places].filter(([, found]) => found.length > 1).map(([id]) => `${id} is here twice`)
    const isIn = (id: string, folder: string) => places.get(id)?.some((one) => one.folder === folder) ?? false
    return [
      ...twice,
      ...[...this.#deleted].filter((id) => places.has(id)).map((id) => `${id} is back`),
      ...[...this.#moved].filter((id) => !isIn(id, KEPT)).map((id) => `${id} is not where she moved it`),
      ...[...this.#uploaded].filter((id) => !places.has(id)).map((id) => `${id} of hers is gone`),
      ...[...this.#flagged]
        .filter((id) => !/\\Flagged.*hers|hers.*\\Flagged/.test(places.get(id)?.[0]?.flags ?? ''))
        .map((id) => `${id} is not flagged any more`),
    ]
  }

  async count(): Promise<number> {
    return (await this.#all()).length
  }

  async #all(): Promise<Found[]> {
    // Dovecot shows a session folders of other programs late.
    await using wire = await ImapWire.open(this.#account)
    const folders = (await wire.command('LIST "" "*"')).flatMap(({ line }) => /"\/" "?([^"]+)"?$/.exec(line)?.[1] ?? [])
    const found: Found[] = []
    for (const folder of folders) found.push(...(await list(wire, folder, 'EXAMINE')))
    return found
  }
}

async function list(wire: ImapWire, folder: string, how: 'SELECT' | 'EXAMINE'): Promise<Found[]> {
  const opened = await wire.command(`${how} "${folder}"`)
  if (opened.some(({ line }) => line === '* 0 EXISTS')) return []
  const answers = await wire.command('FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])')
  return answers.flatMap(({ line, literals }) => {
    const [, number] = /^\* (\d+) FETCH /.exec(line) ?? []
    const [, id] = /message-id: (\S+)/i.exec(literals[0]?.toString() ?? '') ?? []
    const [, flags = ''] = /FLAGS \(([^)]*)\)/.exec(line) ?? []
    return number === undefined || id === undefined ? [] : [{ folder, number: Number(number), id, flags }]
  })
}
