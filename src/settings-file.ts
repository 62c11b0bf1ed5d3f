import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { SETTING_NAMES, SettingsError, settingsFile, unknownName } from './settings.ts'

// A blank or a tab, and nothing else that looks like one: what reads the values takes others for a part of a name.
const [NOTHING, SETTING] = [/^[ \t]*(#.*)?$/s, /^[ \t]*([A-Z][A-Z0-9_]*)[ \t]*=[ \t]*(.*?)[ \t]*$/s]
const [WHOLE_QUOTE, HALF_QUOTE] = [/^(["'`])(?:(?!\1).)*\1[ \t]*(#.*)?$/s, /^(["'`])(?!.*\1)/s]
const INVISIBLE = /(?![ \t])[\s\p{Cc}\p{Cf}]/u

/**
 * The environment, completed by the settings file. POSTFERRY_SETTINGS_FILE names another one; empty, there is none.
 * @throws SettingsError
 */
export function environment(own: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const file = settingsFile(own)
  const text = file === '' ? '' : settingsText(file, own.POSTFERRY_SETTINGS_FILE !== undefined)
  return { ...settingsIn(text, file), ...own }
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

/**
 * What the text of a settings file sets. Whatever is no setting would be ignored in silence.
 * @throws SettingsError that names the file and every line that is wrong
 */
export function settingsIn(text: string, file: string): Record<string, string> {
  const set: Record<string, string> = {}
  const before = new Map<string, number>()
  const flaws = linesOf(text).flatMap((line, index) => {
    const flaw = flawOf(line, before)
    if (flaw !== null) return [`line ${index + 1}: ${flaw}`]
    const [, name] = SETTING.exec(line) ?? []
    if (name === undefined) return []
    before.set(name, index + 1)
    // Of several lines it would take the next one for the value of a name with a blank after it.
    set[name] = parseEnv(line)[name] ?? ''
    return []
  })
  if (flaws.length > 0) throw new SettingsError(`${file}, ${flaws.join('; ')}`)
  return set
}

/** Editors of Windows begin a file with a byte order mark, and end lines otherwise. */
function linesOf(text: string): string[] {
  return text.replace(/^\uFEFF/, '').split(/\r?\n/)
}

// A line's text is not repeated: it may be a secret.
function flawOf(line: string, before: ReadonlyMap<string, number>): string | null {
  if (NOTHING.test(line)) return null
  const [invisible] = INVISIBLE.exec(line) ?? []
  if (invisible !== undefined) return `a character that cannot be seen is in it (${codePoint(invisible)}): type it anew`
  const [, name, value = ''] = SETTING.exec(line) ?? []
  if (name === undefined) return 'this is no setting: write NAME=value, or # before a comment'
  if (!SETTING_NAMES.has(name)) return unknownName(name)
  return before.has(name) ? `${name} is set in line ${before.get(name)} already` : flawOfValue(name, value)
}

function flawOfValue(name: string, value: string): string | null {
  if (WHOLE_QUOTE.test(value)) return null
  if (HALF_QUOTE.test(value)) return `the quote of ${name} does not end`
  if (/^["'`]/.test(value)) return `something follows the quoted value of ${name}`
  const remedy = `write ${name}="…", or the comment on a line of its own`
  return value.includes('#') ? `a # in a value without quotes may be a part of it or begin a comment: ${remedy}` : null
}

function codePoint(character: string): string {
  return `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`
}

/**
 * The text of a settings file with this setting: in the place of its line, or of the comment that shows it, or at the end.
 */
export function withSetting(text: string, name: string, value: string): string {
  const line = `${name}=${quoted(value)}`
  const set = new RegExp(`^\uFEFF?[ \t]*${name}[ \t]*=.*$`, 'm')
  if (set.test(text)) return text.replace(set, () => line)
  const shown = new RegExp(`^#${name}=.*$`, 'm')
  return shown.test(text) ? text.replace(shown, () => line) : `${text.trimEnd()}\n${line}\n`
}

/** As little as can be, for other readers; a double quote would make \n a new line. */
function quoted(value: string): string {
  if (!/[#"'`\s]/.test(value)) return value
  const quote = [`'`, '`', '"'].find((quote) => !value.includes(quote))
  if (quote === undefined) throw new SettingsError('a value with all of " \' ` cannot be written into a settings file')
  return `${quote}${value}${quote}`
}
