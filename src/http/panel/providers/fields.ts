import type { Provider } from '../../../model/provider.ts'
import { PROVIDER_ROWS, type ProviderField } from '../../../model/provider-fields.ts'
import { isFlag } from '../../../operations/operation.ts'
import { providerRow } from '../../../operations/rows.ts'
import { areaField, checkField, choiceField, textField } from '../forms.ts'
import { type Content, html, type Piece } from '../html.ts'
import { capitalised } from '../parts.ts'

type Row = ProviderField<unknown>
/** What stands in a form: what is not ticked is missing. */
export type Texts = Readonly<Record<string, string | undefined>>

const ROWS = PROVIDER_ROWS.map(([, row]) => row)

/** Most providers need not be told more than their address. */
const PARTS = [
  ['trust', 'Whose certificate is trusted'],
  ['load', 'How it is asked'],
  ['mail', 'Where mail goes before the first sign-in'],
  ['copying', 'How mail is copied'],
] as const satisfies readonly (readonly [Row['part'], string])[]

/** What stands in the form for a provider. */
export function textsOf(provider: Provider): Texts {
  return Object.fromEntries(Object.entries(providerRow(provider)).map(([name, value]) => [name, textOf(value)]))
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'boolean') return value ? 'yes' : undefined
  return Array.isArray(value) ? value.join('\n') : String(value ?? '')
}

interface FormOf {
  /** Nobody has said anything of it yet. */
  readonly isNew?: boolean
  /** What ends the part about how it is asked. */
  readonly more?: Content
}

/** The lines of the form, with what is wrong beside each. */
export function providerFields(texts: Texts, errors: Texts, { isNew = false, more }: FormOf): Content {
  const line = (row: Row) => inputFor(row, texts[row.name], errors[row.name], isNew)
  return [
    ...ROWS.filter(({ part }) => part === 'address').map(line),
    ...PARTS.map(([part, title]) => {
      const rows = ROWS.filter((row) => row.part === part)
      const isOpen = rows.some((row) => errors[row.name] !== undefined || isUnusual(row, texts[row.name]))
      return details(title, isOpen, html`${rows.map(line)}${part === 'load' && more}`)
    }),
  ]
}

export function details(title: string, isOpen: boolean, content: Content): Piece {
  return html`<details class="more" open=${isOpen}><summary>${title}</summary>${content}</details>`
}

function inputFor(row: Row, value: string | undefined, error: string | undefined, isNew: boolean): Piece {
  const { name, title: label, titles, example: placeholder, isMany } = row
  const hint = hintOf(row)
  if (isFlag(row)) return checkField({ name, label, hint, checked: value !== undefined })
  const field = { name, label, hint, error, value: value ?? '' }
  if (titles !== undefined) return choiceField({ ...field, ...choicesOf(row, value, isNew) })
  if (isMany) return areaField({ ...field, rows: 3 })
  return textField({ ...field, required: row.default === undefined, ...(placeholder && { placeholder }) })
}

function choicesOf({ titles = {}, chosen, ...row }: Row, value: string | undefined, isNew: boolean) {
  const choices = Object.entries(titles)
  if (isNew && chosen !== undefined) return { value: value ?? '', choices: [['', chosen] as const, ...choices] }
  // Else the browser would choose the first one.
  return { value: value ?? textOf(row.default?.('implicit')) ?? '', choices }
}

function hintOf({ about, hint, fallback, titles, isMany, ...row }: Row): string {
  const empty = fallback === undefined || titles !== undefined || isFlag(row) ? '' : `Empty: ${fallback}.`
  return [`${capitalised(about)}.`, isMany ? 'One on each line.' : '', hint, empty].filter(Boolean).join(' ')
}

function isUnusual(row: Row, text = ''): boolean {
  return text !== '' && text !== textOf(row.default?.('implicit'))
}

/** Everything that is set, to look at. */
export function providerFacts(provider: Provider): readonly (readonly [string, Content])[] {
  const values = providerRow(provider)
  return ROWS.map(({ name, title, titles, fallback }) => {
    const value = values[name]
    if (typeof value === 'boolean') return [title, value ? 'yes' : 'no']
    const text = Array.isArray(value) ? value.join(', ') : String(value ?? '')
    return [title, text === '' ? fallback : (titles?.[text] ?? text)]
  })
}
