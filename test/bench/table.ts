import type { Line } from './row.ts'
import type { Comparison } from './turns.ts'

const HEADS = ['what', 'mailferry', 'reference', 'ratio', 'target', ''] as const

/** The lines as a table for a terminal. */
export function plainTable(lines: readonly Line[]): string {
  const rows = [[...HEADS], ...lines.map(cells)]
  const widths = HEADS.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function markdownTable(lines: readonly Line[]): string {
  return [[...HEADS], HEADS.map(() => '---'), ...lines.map(cells)].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function cells({ what, ours, reference, ratio, target, met }: Line): string[] {
  return [what, ours, reference, ratio, target, met ? 'met' : 'missed']
}

/** A rate against another one, which it is to reach `atLeast` times. */
export function rateLine(what: string, against: string, compared: Comparison, atLeast: number): Line {
  return {
    what,
    ours: `${rounded(compared.ours)}/s`,
    reference: `${against}: ${rounded(compared.reference)}/s`,
    ratio: ratioText(compared),
    target: `≥ ${atLeast}`,
    met: compared.ratio >= atLeast,
  }
}

/** A time against another one, which it may be `atMost` times. */
export function timeLine(what: string, against: string, compared: Comparison, atMost: number): Line {
  return {
    what,
    ours: `${rounded(compared.ours)} ms`,
    reference: `${against}: ${rounded(compared.reference)} ms`,
    ratio: ratioText(compared),
    target: `≤ ${atMost}`,
    met: compared.ratio <= atMost,
  }
}

function ratioText({ ratio, low, high }: Comparison): string {
  return `${ratio.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`
}

export function rounded(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toFixed(1)
}
