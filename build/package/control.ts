import { createHash } from 'node:crypto'
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHECKOUT, deployed, filesIn, HOME, lockedModules, type Made, put, putCompressed } from './files.ts'

const MAINTAINER = 'The postferry authors <postferry@packages.example>'
const DEPENDS = 'adduser, libc6 (>= 2.28), libgcc-s1, libstdc++6'
const SCRIPTS = ['postinst', 'prerm', 'postrm']
const DESCRIPTION = `moves people from an old IMAP server to a new Dovecot
 People sign in at the new server with the password of the old one. postferry
 checks it there, makes the account, keeps the password sealed, copies the
 mailbox again and again, compares it message by message, and is finished when
 you say so. Nobody has to know or change a password.
 .
 It brings its own Node and PostgreSQL.`

/** What dpkg reads, and what Debian wants to find in every package. */
export function writeControl(root: string, made: Made): void {
  put(root, '/usr/share/lintian/overrides/postferry', deployed('debian/lintian-overrides'))
  put(root, '/usr/share/doc/postferry/copyright', copyright())
  putCompressed(root, '/usr/share/doc/postferry/changelog', changelog(made))
  const files = filesIn(root)
  put(
    root,
    '/DEBIAN/md5sums',
    files
      .filter((name) => isPlain(root, name))
      .map((name) => sum(root, name))
      .join(''),
  )
  put(root, '/DEBIAN/conffiles', '/etc/postferry/postferry.env\n')
  put(root, '/DEBIAN/control', control(made, kibibytes(root, files)))
  for (const name of SCRIPTS) put(root, `/DEBIAN/${name}`, deployed(`debian/${name}`), 0o755)
}

function control({ version, architecture }: Made, size: number): string {
  return `Package: postferry
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${size}
Depends: ${DEPENDS}
Recommends: offlineimap3
Suggests: age, dovecot-auth-lua, dovecot-imapd, lua-cjson, lua-socket, postfix
Section: mail
Priority: optional
Description: ${DESCRIPTION}
`
}

function changelog({ version, date }: Made): string {
  const at = `${date.toUTCString().slice(0, -4)} +0000`.replace(
    /^(\w+), 0?(\d) /,
    (_, day, number) => `${day},  ${number} `,
  )
  return `postferry (${version}) unstable; urgency=medium

  * What changes for administrators: /usr/share/doc/postferry/CHANGELOG.md

 -- ${MAINTAINER}  ${at}
`
}

/** Our licence, and where that of each part is. */
function copyright(): string {
  const lines = lockedModules().map(
    ([path, { license = 'see there', version }]) => `  ${path} ${version}: ${license}\n`,
  )
  return `postferry

${readFileSync(join(CHECKOUT, 'LICENSE'), 'utf8').trimEnd()}

What it brings along, in ${HOME}, with its licences beside it (only what is for
this processor is there). The text of Apache-2.0 is in
/usr/share/common-licenses/Apache-2.0.

${lines.join('')}`
}

function isPlain(root: string, name: string): boolean {
  return lstatSync(join(root, name)).isFile() && !name.startsWith('etc/')
}

function sum(root: string, name: string): string {
  return `${createHash('md5')
    .update(readFileSync(join(root, name)))
    .digest('hex')}  ${name}\n`
}

function kibibytes(root: string, files: readonly string[]): number {
  return files.reduce((total, name) => total + Math.ceil(lstatSync(join(root, name)).size / 1_024), 0)
}
