import { accessSync, constants } from 'node:fs'

const FILE = '/etc/mailferry/mailferry.env'

/** The environment, completed by the settings file of a system-wide installation where this user may read it. */
export function environment(): NodeJS.ProcessEnv {
  try {
    accessSync(FILE, constants.R_OK)
  } catch {
    return process.env
  }
  process.loadEnvFile(FILE)
  return process.env
}
