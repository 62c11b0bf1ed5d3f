import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { SETTING_NAMES, SettingsError, settingsFile, unknownName } from './settings.ts'

const SETTING = /^\s*([A-Z][A-Z0-9_]*)\s*=(.*)$/
const [NOTHING, WHOLE_QUOTE, HALF_QUOTE] = [/^\s*(#.*)?$/, /^(["'`]).*\1\s*(#.*)?$/, /^["'`]/]

/**
 * The environment, completed by the settings file. POSTFERRY_SETTINGS_FILE names another one; empty, there is none.
 * @throws SettingsError
 */
export function environment(own: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const file = settingsFile(own)
  const text = file === '' ? '' : settingsText(file, own.POSTFERRY_SETTINGS_FILE !== undefined)
  if (text === '') return own
  refuseFlaws(file, text)
  return { ...parseEnv(text), ...own }
}

function settingsText(file: string, isNamed: boolean): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !isNamed) return ''
    const remedy = code === 'EACCES' ? 'run this as a user who may read it, such as the one of "postferry serve"' : code
    throw new SettingsError(`cannot read the settings in ${file}: ${remedy}`)
  }
}

/** Whatever is no setting would be ignored in silence. */
function refuseFlaws(file: string, text: string): void {
  const before = new Map<string, number>()
  const flaws = text.split('\n').flatMap((line, index) => {
    const flaw = flawOf(line, before)
    const [, name = ''] = SETTING.exec(line) ?? []
    before.set(name, index + 1)
    return flaw === null ? [] : [`line ${index + 1}: ${flaw}`]
  })
  if (flaws.length > 0) throw new SettingsError(`${file}, ${flaws.join('; ')}`)
}

// A line's text is not repeated: it may be a secret.
function flawOf(line: string, before: ReadonlyMap<string, number>): string | null {
  if (NOTHING.test(line)) return null
  const [, name, value = ''] = SETTING.exec(line) ?? []
  if (name === undefined) return 'this is no setting: write NAME=value, or # before a comment'
  if (!SETTING_NAMES.has(name)) return unknownName(name)
  if (HALF_QUOTE.test(value.trim()) && !WHOLE_QUOTE.test(value.trim())) return `the quote of ${name} does not end`
  return before.has(name) ? `${name} is set in line ${before.get(name)} already` : null
}
