import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Access, createFile, giveTo, replaceFile } from '../files/atomic.ts'
import { type Endpoint, parseEndpoint } from '../model/endpoint.ts'
import { type Settings, SettingsError } from '../settings.ts'
import type { Endpoints } from './ports.ts'

/** Errors of a folder that this user may not write in. */
const CLOSED = ['EACCES', 'EPERM', 'EROFS']

/**
 * Where this host may send credentials: a file for each provider, beside the identity file, where no database and no
 * web-facing service can change it. Where the copying user may not write there, the data directory keeps it: it counts
 * as long as there is none beside the identity.
 */
export function approvedEndpoints({ identityFile, dataDir }: Pick<Settings, 'identityFile' | 'dataDir'>): Endpoints {
  const beside = `${identityFile}.endpoints`
  const instead = join(dataDir, basename(beside))

  /** False: there is one, which `put` leaves as it is. */
  function write(provider: string, endpoint: Endpoint, put: typeof createFile): boolean {
    const access = accessOf(identityFile)
    const writeIn = (folder: string) => {
      makeFolder(folder, access)
      put(fileIn(folder, provider), `${JSON.stringify(endpoint)}\n`, access)
    }
    let folder = beside
    try {
      try {
        writeIn(folder)
      } catch (error) {
        if (!isClosed(error) || existsSync(fileIn(beside, provider))) throw error
        folder = instead
        writeIn(folder)
      }
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') return false
      const remedy = `run "postferry provider approve ${provider}" as a user who may write there`
      throw new SettingsError(`cannot write ${fileIn(folder, provider)} (${code}): ${remedy}`)
    }
  }

  const read = (provider: string) => readIn(beside, provider) ?? readIn(instead, provider)
  return {
    approved: (provider) => read(provider)?.endpoint ?? null,
    keptIn: (provider) => read(provider)?.file ?? null,
    trust: (provider, endpoint) => write(provider, endpoint, createFile),
    approve: (provider, endpoint) => void write(provider, endpoint, replaceFile),
  }
}

/** A name from the database cannot lead elsewhere. */
function fileIn(folder: string, provider: string): string {
  return join(folder, `${encodeURIComponent(provider)}.json`)
}

function readIn(folder: string, provider: string): { endpoint: Endpoint; file: string } | null {
  const file = fileIn(folder, provider)
  try {
    const endpoint = parseEndpoint(readFileSync(file, 'utf8'))
    if (endpoint !== null) return { endpoint, file }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw new SettingsError(`cannot read ${file} (${code})`)
  }
  throw new SettingsError(`${file} does not hold an endpoint: "postferry provider approve ${provider}" writes it again`)
}

function isClosed(error: unknown): boolean {
  return CLOSED.includes((error as NodeJS.ErrnoException).code ?? '')
}

/** As the identity file's: whoever may read that may read what it is for. */
function accessOf(identityFile: string): Access {
  try {
    const { mode, uid, gid } = statSync(identityFile)
    return { mode: mode & 0o640, uid, gid }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new SettingsError(`POSTFERRY_IDENTITY_FILE: cannot read ${identityFile} (${code}): this is no copying host`)
  }
}

function makeFolder(folder: string, { mode, ...owner }: Access): void {
  try {
    mkdirSync(folder, { mode: 0o700 | (mode & 0o040 ? 0o050 : 0) })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw error
  }
  giveTo(folder, owner)
}
