import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { named } from '../support/dovecot-users.ts'
import { dim, print } from './show.ts'
import { ENDINGS } from './stage.ts'

const run = promisify(execFile)
const CHECKOUT = join(import.meta.dirname, '../..')

interface User {
  uid: number
  gid: number
  name: string
}

/**
 * Runs the demo again as an ordinary user. Dovecot serves no mail of root's, so whoever owns the mail must write it; on
 * one machine it is simplest when this user runs postferry and OfflineIMAP as a whole.
 * @returns its exit code
 */
export async function asOrdinaryUser(args: readonly string[]): Promise<number> {
  const user = await named('postferry')
  const stopping = new AbortController()
  for (const signal of ENDINGS) process.on(signal, () => stopping.abort(exitCodeFor(signal)))
  try {
    const tmp = (await may(user, 'test', '-w', tmpdir())) ? tmpdir() : '/tmp'
    await using place = await reachable(user, tmp, stopping.signal)
    stopping.signal.throwIfAborted()
    return await demoAs(user, place.checkout, tmp, args)
  } catch (error) {
    if (stopping.signal.aborted) return stopping.signal.reason
    throw error
  }
}

function exitCodeFor(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

async function demoAs({ uid, gid }: User, checkout: string, tmp: string, args: readonly string[]): Promise<number> {
  const node = join(checkout, `node_modules/node-linux-${process.arch}/bin/node`)
  const child = spawn(node, [join(checkout, 'test/demo/demo.ts'), ...args], {
    ...{ uid, gid, cwd: '/', stdio: 'inherit' },
    env: { ...process.env, TMPDIR: tmp },
  })
  for (const signal of ENDINGS) process.on(signal, () => child.kill(signal))
  const [code, signal] = await once(child, 'exit')
  return code ?? exitCodeFor(signal)
}

interface Place extends AsyncDisposable {
  checkout: string
}

/** This checkout, or a copy of what runs in it where the user cannot reach it: below /root, or made with umask 077. */
async function reachable(user: User, tmp: string, signal: AbortSignal): Promise<Place> {
  const all = await Promise.all([
    may(user, join(CHECKOUT, 'bin/postferry'), '--help'),
    may(user, 'test', '-r', join(CHECKOUT, 'test/demo/demo.ts')),
  ])
  if (all.every(Boolean)) return { checkout: CHECKOUT, [Symbol.asyncDispose]: async () => undefined }
  print(dim(`${user.name} cannot read ${CHECKOUT}: the demo runs from a copy of it.`))
  const copy = await mkdtemp(join(tmp, 'postferry-copy-'))
  const remove = () => rm(copy, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  try {
    await run('cp', ['--archive', '--parents', ...(await whatRuns()), copy], { cwd: CHECKOUT, signal })
    await run('chmod', ['--recursive', 'a+rX', copy], { signal })
    await chmod(copy, 0o755)
  } catch (error) {
    await remove()
    throw error
  }
  return { checkout: copy, [Symbol.asyncDispose]: remove }
}

/** What of the project is copied; without git's folder. */
export const COPIED = ['package.json', 'bin', 'deploy', 'dist', 'sql', 'src', 'test']

/** That, and no tools that only development needs. */
async function whatRuns(): Promise<string[]> {
  const lock = await readFile(join(CHECKOUT, 'node_modules/.package-lock.json'), 'utf8')
  const packages: [string, { dev?: boolean }][] = Object.entries(JSON.parse(lock).packages)
  const needed = packages.filter(([, { dev }]) => !dev).map(([path]) => path)
  return [...COPIED, ...needed]
}

async function may({ uid, gid }: User, command: string, ...args: string[]): Promise<boolean> {
  return await run(command, args, { uid, gid, cwd: '/' }).then(
    () => true,
    () => false,
  )
}
