import type { Command } from 'commander'
import { type Administrator, isAdministratorPassword, LEAST_PASSWORD_LENGTH } from '../../model/administrator.ts'
import type { House } from '../../operations/house.ts'
import { administratorNamed, noAdministrator } from '../../operations/person.ts'
import { type NewTotp, newTotp } from '../../operations/totp.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { administratorName, examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { print, printDone } from '../terminal/output.ts'
import { readPassword } from '../terminal/password-input.ts'
import { administratorList } from '../terminal/rows.ts'

export function addPasswd(admin: Command, { open }: CliDeps): void {
  const passwd = admin
    .command('passwd')
    .description('set a password, one line on standard input, and end all sessions of theirs')
    .argument('<name>', 'as admin list shows it', administratorName)
    .option('--totp', 'ask for one-time codes, of a new secret; prints what an authenticator reads, this once')
    .option('--no-totp', 'ask for one-time codes no more')
    .option('--json', 'print the administrator as JSON')
  examples(
    withReason(passwd),
    'postferry admin passwd anna',
    'postferry admin passwd anna --no-totp <password-file',
  ).action(async (name: string, options: { totp?: boolean; reason?: string; json?: boolean }) => {
    await using house = await open()
    await administratorNamed(house, name)
    const { passwordHash, totp } = await newSecrets(house, name, options.totp)
    const { administrators } = house
    if (!(await administrators.setPassword(name, passwordHash, by(options)))) throw noAdministrator(name)
    if (options.totp !== undefined) await administrators.setTotp(name, totp?.sealed ?? null, by(options))
    await printWithTotp(await administratorNamed(house, name), `${name} has a new password`, totp, options)
  })
}

/** What somebody will sign in with. The panel key is needed first, so that nobody types a password for nothing. */
export async function newSecrets(
  { totpSealer, hasher }: Pick<House, 'totpSealer' | 'hasher'>,
  name: string,
  withTotp = false,
): Promise<{ passwordHash: string; totp: NewTotp | null }> {
  const totp = withTotp ? await newTotp(name, totpSealer) : null
  const password = await readPassword(name)
  if (!isAdministratorPassword(password)) {
    throw new Failure(EXIT.data, `the password is too short: it must have at least ${LEAST_PASSWORD_LENGTH} characters`)
  }
  return { passwordHash: await hasher.hash(password), totp }
}

/** Prints what was done, and the new TOTP secret, which nothing shows again. */
export async function printWithTotp(
  administrator: Administrator,
  sentence: string,
  totp: NewTotp | null,
  options: { json?: boolean },
): Promise<void> {
  await printDone({ ...administratorList.row(administrator), ...(totp && { totp_uri: totp.uri }) }, sentence, options)
  if (totp === null || options.json) return
  await print('an authenticator reads this, which is not shown again:\n')
  if (process.stdout.isTTY) {
    const { renderUnicodeCompact } = await import('uqr')
    await print(`${renderUnicodeCompact(totp.uri)}\n`)
  }
  await print(`${totp.uri}\n`)
}
