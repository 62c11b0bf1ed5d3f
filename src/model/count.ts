const THOUSANDS = new Intl.NumberFormat('en')

/** A number as people read it: 10,461. */
export function count(number: number): string {
  return THOUSANDS.format(number)
}

/** So many of something: 1 person, 10,461 people. */
export function countOf(number: number, one: string, many: string): string {
  return `${count(number)} ${number === 1 ? one : many}`
}

export function people(number: number): string {
  return countOf(number, 'person', 'people')
}
