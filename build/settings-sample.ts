// Writes deploy/postferry.env from the table of settings.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SETTINGS } from '../src/settings.ts'

export const SAMPLE_FILE = join(import.meta.dirname, '../deploy/postferry.env')

const WIDTH = 120
const HEAD = `Settings of postferry. Install as /etc/postferry/postferry.env (root:postferry, 0640): every command reads it there,
  or where POSTFERRY_SETTINGS_FILE in its environment says (empty: nowhere). The environment takes precedence. A line that
  is no setting, or a file that may not be read, stops every command; so does a # behind an unquoted value: NAME="a#b", and
  comments on lines of their own. Each setting below shows its default; those whose
  default is empty are not set.`

/** The sample of a settings file: every setting with its default and what it is for. */
export function settingsSample(): string {
  const rows = SETTINGS.map(({ name, doc, mayBeFile, default: text }) => {
    const file = mayBeFile ? ` Or ${name}_FILE: a file that holds it.` : ''
    return `${comment(doc + file)}\n#${name}=${text}`
  })
  return `${[comment(HEAD), ...rows].join('\n\n')}\n`
}

function comment(text: string): string {
  const lines = ['#']
  // "<data directory>" stays in one line.
  for (const word of text.split(/\s+(?![^<>]*>)/)) {
    const longer = `${lines.at(-1)} ${word}`
    if (longer.length <= WIDTH) lines[lines.length - 1] = longer
    else lines.push(`# ${word}`)
  }
  return lines.join('\n')
}

if (import.meta.main) writeFileSync(SAMPLE_FILE, settingsSample())
