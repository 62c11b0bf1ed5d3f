import { type Content, html, type Piece } from './html.ts'

/** One line of a form. */
export interface Field {
  readonly name: string
  readonly label: string
  readonly hint?: Content
  /** What is wrong with what was typed. */
  readonly error?: string | undefined
}

interface TextField extends Field {
  readonly value?: string
  readonly type?: 'text' | 'password' | 'number' | 'search' | 'file'
  readonly required?: boolean
  readonly autocomplete?: string
  readonly placeholder?: string
  /** Of a code: a phone offers digits. */
  readonly inputmode?: 'numeric'
}

interface ChoiceField extends Field {
  readonly value?: string | undefined
  readonly choices: readonly (readonly [string, string])[]
}

/** A form that changes something: only its own page can send it. */
export function form(
  action: string,
  csrf: string,
  content: Content,
  attributes: Readonly<Record<string, string>> = {},
): Piece {
  return html`<form method="post" action=${action} ...${attributes}>
    <input type="hidden" name="_csrf" value=${csrf} />
    ${content}
  </form>`
}

export function textField(field: TextField): Piece {
  const { name, value, type = 'text', required = false, autocomplete = 'off', placeholder, inputmode } = field
  const input = html`<input
    id=${name} name=${name} type=${type} value=${type === 'password' ? undefined : value} required=${required}
    autocomplete=${autocomplete} placeholder=${placeholder} inputmode=${inputmode} spellcheck="false" ...${describedBy(field)}
  />`
  return labelled(field, input)
}

export function areaField(field: Field & { readonly value?: string; readonly rows?: number }): Piece {
  const { name, value = '', rows = 4 } = field
  return labelled(
    field,
    html`<textarea id=${name} name=${name} rows=${rows} spellcheck="false" ...${describedBy(field)}>${value}</textarea>`,
  )
}

export function choiceField(field: ChoiceField): Piece {
  const { name, value, choices } = field
  const options = choices.map(
    ([choice, title]) => html`<option value=${choice} selected=${choice === value}>${title}</option>`,
  )
  return labelled(field, html`<select id=${name} name=${name} ...${describedBy(field)}>${options}</select>`)
}

export function checkField({ name, label, hint, checked }: Field & { readonly checked: boolean }): Piece {
  return html`<div class="field check">
    <label><input type="checkbox" name=${name} value="yes" checked=${checked} /> <span>${label}</span></label>
    ${hint && html`<p class="hint">${hint}</p>`}
  </div>`
}

export function hidden(values: Readonly<Record<string, string | undefined>>): Content {
  return Object.entries(values).map(
    ([name, value]) => value !== undefined && html`<input type="hidden" name=${name} value=${value} />`,
  )
}

/** Why somebody does what a form does; it is kept in the audit. */
export function reasonField(id = 'reason', value = ''): Piece {
  return html`<div class="field">
    <input
      id=${id}
      name="reason"
      value=${value}
      maxlength="500"
      autocomplete="off"
      aria-label="Reason, for the audit"
      placeholder="Reason, for the audit (may be empty)"
    />
  </div>`
}

function labelled(field: Field, input: Piece): Piece {
  const { name, label, hint, error } = field
  return html`<div class="field">
    <label for=${name}>${label}</label>
    ${input}
    ${hint && html`<p class="hint" id="${name}-hint">${hint}</p>`}
    ${error && html`<p class="error" id="${name}-error">${error}</p>`}
  </div>`
}

function describedBy({ name, hint, error }: Field): Readonly<Record<string, string>> {
  const ids = [hint && `${name}-hint`, error && `${name}-error`].filter((id) => typeof id === 'string')
  return {
    ...(ids.length > 0 && { 'aria-describedby': ids.join(' ') }),
    ...(error && { 'aria-invalid': 'true' }),
  }
}
