import { ordinary } from '../../model/redact.ts'

/** What one account of an OfflineIMAP run came to, as the pythonfile reports it. */
export interface Report {
  readonly account: string
  readonly complete: boolean
  /** Null when complete. */
  readonly reason: string | null
  readonly folders: number
  readonly messages: number
}

const REPORT = 'postferry: {'
const LINES_KEPT = 20
const LINE_LENGTH = 500

/** What OfflineIMAP and the pythonfile say when all is well, and where Python was: shown as it stands. */
const KNOWN_LINES: readonly RegExp[] = [
  /^postferry: m-\d+ (in)?complete$/,
  /^postferry: the repairs are made for OfflineIMAP of Debian 12 and Debian 13: [\w.]+ is another one here$/,
  /^\*\*\* (Processing|Finished) account '?m-\d+'?( in \d+:\d+)?$/,
  /^Establishing connection( to [\w.:-]+)? \(m-\d+-old\)$/,
  /^Creating folder .*\[m-\d+-(old|new)\]$/,
  /^Syncing .+: IMAP -> Maildir$/,
  /^Skipping .+ \(not changed\)$/,
  /^(IGNORED: )?Copy message UID \d+ (\(\d+\/\d+\) )?m-\d+-old:.+ -> m-\d+-new/,
  /^(Adding|Deleting) flag \S+ (to|from) \d+ messages on \S+/,
  /^ *File "[^"]*", line \d+, in \w+$/,
]
/** Accounts by their numbers, and the numbers of errors: `m-17:`, `28]`. */
const KNOWN_WORD = /^(\[?m-\d+(-old|-new)?[\]:]?|\[Errno|\d{1,3}\]|-)$/

/**
 * Reads the lines of a run as they come: keeps its report and its last lines. A server may repeat a password, in
 * whatever form: of what is no known line only known words are shown, whatever the password is.
 */
export class Output {
  readonly #lines: string[] = []
  report: Report | null = null

  read(line: string): void {
    const at = line.indexOf(REPORT)
    if (at !== -1) this.report = parse(line.slice(at + 'postferry: '.length)) ?? this.report
    else if (line.trim() !== '') this.#lines.push(shown(line).slice(0, LINE_LENGTH))
    if (this.#lines.length > LINES_KEPT) this.#lines.shift()
  }

  last(): string {
    return this.#lines.join('\n')
  }
}

function shown(line: string): string {
  if (KNOWN_LINES.some((known) => known.test(line))) return line
  return ordinary(line, (word) => KNOWN_WORD.test(word))
}

function parse(text: string): Report | null {
  try {
    const { account, complete, reason, folders, messages } = JSON.parse(text)
    return typeof account === 'string' && Number.isInteger(folders) && Number.isInteger(messages)
      ? { account, complete: complete === true, reason: typeof reason === 'string' ? reason : null, folders, messages }
      : null
  } catch {
    return null
  }
}
