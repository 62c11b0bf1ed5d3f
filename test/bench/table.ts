import type { Line } from './row.ts'
import type { Comparison } from './turns.ts'

const HEADS = ['what', 'reference in the same run', 'measured', 'target', 'met'] as const

/** The lines as a Markdown table whose columns stand below each other. */
export function table(lines: readonly Line[]): string {
  const rows = [[...HEADS], ...lines.map(cells)]
  const widths = HEADS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const [heads = [], ...others] = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
  return [heads, widths.map((width) => '-'.repeat(width)), ...others].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function cells({ what, reference, measured, target, isMet }: Line): string[] {
  return [what, reference, measured, target, target === '–' ? '–' : isMet ? 'yes' : 'no']
}

/** A rate against another one, which it is to reach `atLeast` times. */
export function rateLine(what: string, against: string, compared: Comparison, atLeast: number): Line {
  return {
    what,
    reference: `${against}: ${rounded(compared.reference)}/s`,
    measured: `${rounded(compared.ours)}/s, ${times(compared)}`,
    target: `≥ ${atLeast} ×`,
    isMet: compared.ratio >= atLeast,
  }
}

/** A time against another one, which it may be `atMost` times; missing: nothing was promised. */
export function timeLine(what: string, against: string, compared: Comparison, atMost?: number): Line {
  return {
    what,
    reference: `${against}: ${rounded(compared.reference)} ms`,
    measured: `${rounded(compared.ours)} ms, ${times(compared)}`,
    target: atMost === undefined ? '–' : `≤ ${atMost} ×`,
    isMet: atMost === undefined || compared.ratio <= atMost,
  }
}

/** A figure that stands for itself. */
export function aloneLine(what: string, measured: string, target: string, isMet: boolean): Line {
  return { what, reference: '–', measured, target, isMet }
}

function times({ ratio, low, high }: Comparison): string {
  return `${ratio.toFixed(2)} × (${low.toFixed(2)}–${high.toFixed(2)})`
}

export function rounded(value: number): string {
  const digits = value >= 100 ? 0 : 1
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
