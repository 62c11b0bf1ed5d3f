import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Settings, SettingsError } from './config.ts'
import { type Endpoint, parseEndpoint } from './model/endpoint.ts'
import type { Endpoints } from './policy/ports.ts'
import { type Access, createFile, handOver, replaceFile } from './whole-file.ts'

/**
 * Where this host may send credentials: a file for each provider, beside the identity file, where no database and no
 * web-facing service can change it.
 */
export function approvedEndpoints({ identityFile }: Pick<Settings, 'identityFile'>): Endpoints {
  const folder = `${identityFile}.endpoints`
  // A name out of the database makes no path.
  const fileOf = (provider: string) => join(folder, `${encodeURIComponent(provider)}.json`)

  /** False: there is one, which `put` leaves as it is. */
  function write(provider: string, endpoint: Endpoint, put: typeof createFile): boolean {
    const access = accessOf(identityFile)
    try {
      makeFolder(folder, access)
      put(fileOf(provider), `${JSON.stringify(endpoint)}\n`, access)
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') return false
      const remedy = `run "mailferry provider approve ${provider}" as a user who may write there`
      throw new SettingsError(`cannot write ${fileOf(provider)} (${code}): ${remedy}`)
    }
  }

  function approved(provider: string): Endpoint | null {
    try {
      const endpoint = parseEndpoint(readFileSync(fileOf(provider), 'utf8'))
      if (endpoint !== null) return endpoint
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return null
      throw new SettingsError(`cannot read ${fileOf(provider)} (${code})`)
    }
    const remedy = `"mailferry provider approve ${provider}" writes it again`
    throw new SettingsError(`${fileOf(provider)} does not hold an endpoint: ${remedy}`)
  }

  return {
    approved,
    trust: (provider, endpoint) => write(provider, endpoint, createFile),
    approve: (provider, endpoint) => void write(provider, endpoint, replaceFile),
  }
}

/** Whoever may read the identity may read what it is for. */
function accessOf(identityFile: string): Access {
  try {
    const { mode, uid, gid } = statSync(identityFile)
    return { mode: mode & 0o640, uid, gid }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new SettingsError(`MAILFERRY_IDENTITY_FILE: cannot read ${identityFile} (${code}): this is no copying host`)
  }
}

function makeFolder(folder: string, { mode, ...owner }: Access): void {
  try {
    mkdirSync(folder, { mode: 0o700 | (mode & 0o040 ? 0o050 : 0) })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw error
  }
  handOver(folder, owner)
}
