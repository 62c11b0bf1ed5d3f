/** A setting of Postfix's main.cf: it may go on over several lines (postconf(5)). */
interface Entry {
  readonly name: string
  readonly value: string
  /** Its first line, and the one after its last. */
  readonly from: number
  readonly to: number
}

/**
 * The text of main.cf with what `wanted` sets: a paragraph of it that is in force stays where it is, another one comes last,
 * and what stood there before becomes a comment.
 */
export function withEntries(mainCf: string, wanted: string): string {
  const inForce = new Map(entriesOf(mainCf).map(({ name, value }) => [name, value]))
  const missing = wanted
    .trim()
    .split(/\n\n+/)
    .filter((paragraph) => entriesOf(paragraph).some(({ name, value }) => inForce.get(name) !== value))
  if (missing.length === 0) return mainCf
  const names = new Set(missing.flatMap(entriesOf).map(({ name }) => name))
  return `${commentedOut(mainCf, names).trimEnd()}\n\n${missing.join('\n\n')}\n`
}

/** The settings that `wanted` has otherwise than main.cf has them by now. */
export function overruled(mainCf: string, wanted: string): string[] {
  const sets = new Map(entriesOf(wanted).map(({ name, value }) => [name, value]))
  const others = entriesOf(mainCf).filter(
    ({ name, value }) => sets.has(name) && value !== '' && value !== sets.get(name),
  )
  return [...new Set(others.map(({ name }) => name))]
}

/** What a setting of main.cf says; null: it is not there. */
export function valueIn(mainCf: string, wanted: string): string | null {
  return entriesOf(mainCf).findLast(({ name }) => name === wanted)?.value ?? null
}

function commentedOut(text: string, names: ReadonlySet<string>): string {
  const lines = text.split('\n')
  for (const { name, from, to } of entriesOf(text)) {
    if (!names.has(name)) continue
    for (let at = from; at < to; at++) lines[at] = `#${lines[at]}`
  }
  return lines.join('\n')
}

function entriesOf(text: string): Entry[] {
  const entries: Entry[] = []
  for (const [at, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    const before = /^\s/.test(line) ? entries.pop() : undefined
    if (before === undefined) entries.push({ ...parsed(line), from: at, to: at + 1 })
    else entries.push({ ...before, value: plain(`${before.value} ${line}`), to: at + 1 })
  }
  return entries
}

function parsed(line: string): Pick<Entry, 'name' | 'value'> {
  const [name = '', value = ''] = line.split(/=(.*)/s)
  return { name: name.trim(), value: plain(value) }
}

function plain(value: string): string {
  return value.trim().replaceAll(/[\s,]+/g, ' ')
}
