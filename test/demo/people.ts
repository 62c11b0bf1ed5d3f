import { randomBytes } from 'node:crypto'
import { listMailboxes } from '../support/compare.ts'
import { type ImapAccount, ImapWire } from '../support/imap-wire.ts'
import { type Naming, seedMailboxes, wireName } from '../support/mailboxes.ts'

/** How the source names mailboxes, and whose they are. */
export interface Town {
  provider: string
  naming: Naming
  /** Domains at the source, each with the one that it becomes on the destination. */
  domains: Record<string, string>
  /** Its people work there, through the destination, until they are flipped. */
  isProxied?: boolean
}

export const TOWNS: [Town, Town, Town] = [
  {
    provider: 'slash',
    naming: { separator: '/', prefix: '' },
    domains: { 'old.example': 'old.example', 'renamed.example': 'new.example' },
  },
  { provider: 'dot', naming: { separator: '.', prefix: 'INBOX.' }, domains: { 'dot.example': 'dot.example' } },
  {
    ...{ provider: 'quiet', naming: { separator: '/', prefix: '' }, domains: { 'quiet.example': 'quiet.example' } },
    isProxied: true,
  },
]

export interface Person {
  /** On the source. */
  address: string
  /** On the source and, without anybody's doing, on the destination. */
  password: string
  seed: (account: ImapAccount, naming: Naming) => Promise<void>
  /** Does not sign in at the destination. */
  staysAway?: boolean
}

export const PEOPLE: Person[] = [
  { address: 'anna@old.example', password: "anna's demo password", seed: seedOdd },
  { address: 'bert@renamed.example', password: 'Bërt 100% "demo" \\o/', seed: seedLife },
  { address: 'dora@dot.example', password: 'dora demo', seed: seedOdd },
  { address: 'frieda@quiet.example', password: 'frieda demo', seed: seedLife },
  { address: 'emil@old.example', password: 'emil demo', seed: seedLife, staysAway: true },
]

/** Where the person's mail is at the source. */
export function townOf({ address }: Person): Town {
  const domain = domainOf(address)
  const town = TOWNS.find(({ domains }) => domain in domains)
  if (!town) throw new Error(`nobody serves ${domain}`)
  return town
}

/** What the person is called on the destination. */
export function newAddressOf(person: Person): string {
  const domain = domainOf(person.address)
  return person.address.replace(domain, townOf(person).domains[domain] ?? domain)
}

function domainOf(address: string): string {
  return address.slice(address.indexOf('@') + 1)
}

const LIFE = [
  ['INBOX'],
  ['Sent'],
  ['Archive', '2024'],
  ['Archive', '2025'],
  ['Entwürfe'],
  ['Kunden', 'example.com', 'Angebote & Rechnungen'],
  ['旅行', '京都'],
]

/** What breaks copies; the client shows every other folder. */
async function seedOdd(account: ImapAccount, naming: Naming): Promise<void> {
  await seedMailboxes(account, naming)
  await using wire = await ImapWire.open(account)
  const names = (await listMailboxes(wire)).filter((_, at) => at % 2 === 0)
  for (const { name } of names) await wire.command('SUBSCRIBE ', Buffer.from(name))
}

/** A mailbox as people have it: nested folders, names in their language, flags, attachments. */
async function seedLife(account: ImapAccount, naming: Naming): Promise<void> {
  await using wire = await ImapWire.open(account)
  for (const levels of LIFE) {
    const name = Buffer.from(wireName(levels, naming))
    if (levels[0] !== 'INBOX') await wire.command('CREATE ', name)
    if (levels.length === 1) await wire.command('SUBSCRIBE ', name)
    for (let number = 1; number <= 8; number++) {
      const flags = ['\\Seen', '\\Answered', '$Forwarded'].slice(0, number % 4).join(' ')
      await wire.command('APPEND ', name, ` (${flags}) "${number}-May-2025 09:30:00 +0200" `, letter(levels, number))
    }
  }
}

function letter(levels: string[], number: number): Buffer {
  const file = randomBytes(number * 3000)
    .toString('base64')
    .replace(/.{76}/g, '$&\r\n')
  const text = `Grüße aus ${levels.join(' / ')}, Brief ${number}.`
  const lines = [
    'From: Jemand <jemand@old.example>',
    `Message-ID: <${number}.${encodeURIComponent(levels.join('.'))}@old.example>`,
    `Subject: =?utf-8?B?${Buffer.from(text).toString('base64')}?=`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="part"',
    ...['', '--part', 'Content-Type: text/plain; charset=utf-8', '', text, ''],
    ...['--part', 'Content-Type: image/jpeg; name="photo.jpg"', 'Content-Transfer-Encoding: base64'],
    ...['Content-Disposition: attachment; filename="photo.jpg"', '', file, '--part--', ''],
  ]
  return Buffer.from(lines.join('\r\n'))
}
