// A spreadsheet takes a cell that begins so for a formula, and runs it (OWASP, CSV Injection).
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/
const QUOTED = /^'+[=+\-@\t\r\n＝＋－＠]/

/** A cell that no spreadsheet takes for a formula: with ' before it, where it begins like one or like such a cell. */
export function defused(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell
}

/** What was defused, as it was. */
export function undefused(cell: string): string {
  return QUOTED.test(cell) ? cell.slice(1) : cell
}
