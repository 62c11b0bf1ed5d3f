/** What `doctor` found about one thing: well, worth a look, or in need of something done. */
export interface Finding {
  /** What was looked at, for people. */
  readonly check: string
  /** The same for programs, without any name in it; default: `check` with dashes. */
  readonly id?: string
  readonly result: 'ok' | 'warn' | 'fail'
  readonly found: string
  /** What it is good for, or what comes of it. */
  readonly why?: string
  /** The line that mends it. */
  readonly remedy?: string
  /** The texts name people: they are for administrators alone. */
  readonly namesPeople?: true
}

export function idOf({ id, check }: Finding): string {
  return id ?? check.replaceAll(' ', '-')
}

const LEVELS = { ok: 'ok', warn: 'warn', fail: 'error' } as const

/** As `--json` prints it. */
export function findingRow(finding: Finding) {
  const { check, result, found, why = null, remedy } = finding
  const level = LEVELS[result]
  // `result` and `remedy` are the names that programs may know already.
  return { id: idOf(finding), level, what: found, why, mend: remedy ?? null, check, result, found, remedy }
}
