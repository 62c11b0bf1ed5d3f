import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const CHECKOUT = join(import.meta.dirname, '../..')

/** Makes the Debian package of this checkout, compiled before; returns its file. Uncompressed, it takes seconds. */
export function makeDeb(into: string, version: string, compression = 'none'): string {
  const args = [join(CHECKOUT, 'build/package.ts'), '--into', into, '--version', version]
  const env = { ...process.env, DPKG_DEB_COMPRESSOR_TYPE: compression }
  const output = execFileSync(process.execPath, args, { encoding: 'utf8', env })
  const [, file = ''] = /in '(.+\.deb)'/.exec(output) ?? []
  return file
}
