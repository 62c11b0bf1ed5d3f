const UNITS = ['', 'K', 'M', 'G', 'T']
const QUOTA = /^([1-9]\d{0,15})(?: ?([KMGT]?)(?:i?B)?)?$/i

/** Reads a size, as 500M or 2G (1024 each time, as Dovecot counts) or a number of bytes; null: it is none. */
export function parseSize(text: string): number | null {
  const [, number = '', unit = ''] = QUOTA.exec(text) ?? []
  const bytes = Number(number) * 1024 ** UNITS.indexOf(unit.toUpperCase())
  return number !== '' && Number.isSafeInteger(bytes) ? bytes : null
}

/** A size as it is typed: in the largest unit that has it whole. */
export function sizeText(bytes: number): string {
  const power = UNITS.findLastIndex((_, power) => bytes % 1024 ** power === 0)
  return `${bytes / 1024 ** power}${UNITS[power]}`
}
