/** What one account of an OfflineIMAP run came to, as the pythonfile reports it. */
export interface Report {
  readonly account: string
  readonly complete: boolean
  /** Null when complete. */
  readonly reason: string | null
  readonly folders: number
  readonly messages: number
}

const REPORT = 'mailferry: {'
const LINES_KEPT = 20
const LINE_LENGTH = 500

/** Reads the lines of a run as they come: keeps its report and its last lines, with nothing secret in them. */
export class Output {
  readonly #secrets: readonly string[]
  readonly #lines: string[] = []
  report: Report | null = null

  constructor(password: string, username: string) {
    this.#secrets = formsOf(password, username)
  }

  read(line: string): void {
    const at = line.indexOf(REPORT)
    if (at !== -1) this.report = parse(line.slice(at + 'mailferry: '.length)) ?? this.report
    else if (line.trim() !== '') this.#lines.push(this.#clean(line).slice(0, LINE_LENGTH))
    if (this.#lines.length > LINES_KEPT) this.#lines.shift()
  }

  last(): string {
    return this.#lines.join('\n')
  }

  #clean(line: string): string {
    return this.#secrets.reduce((text, secret) => text.replaceAll(secret, '(not shown)'), line)
  }
}

/** The password as a program may print it, longest first. */
function formsOf(password: string, username: string): string[] {
  const bytes = Buffer.from(password)
  const plain = Buffer.from(`\0${username}\0${password}`)
  const forms = [
    plain.toString('base64'),
    bytes.toString('base64'),
    encodeURIComponent(password),
    JSON.stringify(password).slice(1, -1),
    password.replace(/["\\]/g, '\\$&'),
    password,
  ]
  return [...new Set(forms)].sort((a, b) => b.length - a.length)
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
