// Times in the reader's own zone and language. Without this they stand in UTC.
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const dayAndTime = new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
]
const DAY_MS = 86_400_000

function ago(date) {
  const seconds = (date - Date.now()) / 1000
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1)
  return relative.format(Math.round(seconds / length), unit)
}

// The day is said where it is another one.
function atTime(date) {
  const days = Math.abs(date - Date.now()) / DAY_MS
  if (new Date().toDateString() === date.toDateString()) return timeOfDay.format(date)
  return (days < 6 ? dayAndTime : moment).format(date)
}

// For how long something has gone on: "for 4 minutes".
function spanSince(date) {
  const seconds = Math.max(0, (Date.now() - date) / 1000)
  const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? UNITS.at(-1)
  const span = new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' })
  return `for ${span.format(Math.floor(seconds / length))}`
}

const FORMS = { moment: (date) => moment.format(date), relative: ago, time: atTime, span: spanSince }

function tellTimes() {
  for (const time of document.querySelectorAll('time[datetime]')) {
    const date = new Date(time.dateTime)
    if (Number.isNaN(date.getTime())) continue
    time.textContent = FORMS[time.dataset.form ?? 'moment'](date)
    time.title = time.dataset.form === 'relative' ? moment.format(date) : `${moment.format(date)}, ${ago(date)}`
  }
}

// A box at the head of a column checks all boxes of its table.
document.addEventListener('change', ({ target }) => {
  if (!target.matches?.('input[data-checks]')) return
  for (const box of document.querySelectorAll(`input[name="${target.dataset.checks}"]`)) box.checked = target.checked
})

// "/" leads to the search, from everywhere but a field.
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return
  if (event.target.matches?.('input, textarea, select')) return
  event.preventDefault()
  document.querySelector('[data-find]')?.focus()
})

// Who was selected on other pages of a list stays selected, as long as the list is the same.
function keepSelection(bar) {
  const name = bar.dataset.selection
  const form = bar.closest('form')
  const boxes = [...form.querySelectorAll(`input[type="checkbox"][name="${name}"]`)]
  const [told, unselect] = [bar.querySelector('[data-selected]'), bar.querySelector('[data-unselect]')]
  const filter = new URLSearchParams(location.search)
  for (const one of ['after', 'before', 'sort', 'descending']) filter.delete(one)
  const key = `selected ${location.pathname}?${filter}`
  const selected = new Set(JSON.parse(sessionStorage.getItem(key) ?? '[]'))
  const show = () => {
    sessionStorage.setItem(key, JSON.stringify([...selected]))
    const here = boxes.filter((box) => box.checked).length
    const elsewhere = selected.size - here
    told.textContent = `${selected.size} selected${elsewhere > 0 ? `, ${elsewhere} of them on other pages` : ''}`
    unselect.hidden = selected.size === 0
  }
  const take = () => {
    for (const { checked, value } of boxes) checked ? selected.add(value) : selected.delete(value)
    show()
  }
  for (const box of boxes) box.checked = selected.has(box.value)
  // After a box at the head of the column has checked them.
  document.addEventListener('change', ({ target }) => form.contains(target) && take())
  unselect.addEventListener('click', () => {
    selected.clear()
    for (const box of boxes) box.checked = false
    show()
  })
  form.addEventListener('submit', ({ submitter }) => {
    if (submitter?.value !== 'checked') return
    const here = new Set(boxes.map(({ value }) => value))
    for (const value of selected) {
      if (here.has(value)) continue
      const input = Object.assign(document.createElement('input'), { type: 'hidden', name, value })
      form.append(input)
    }
    sessionStorage.removeItem(key)
  })
  show()
}
for (const bar of document.querySelectorAll('[data-selection]')) keepSelection(bar)

// What nobody sees asks for nothing: a browser has six connections to a host, for all of its tabs. It asks at once when
// somebody looks at it again.
document.addEventListener('htmx:before:request', (event) => {
  if (document.hidden && event.target.matches?.('[data-live]')) event.preventDefault()
})
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return
  for (const piece of document.querySelectorAll('[data-live]')) piece.dispatchEvent(new Event('seen'))
})

// Old numbers look as such. What is no answer takes no number's place.
const STALE_MS = 15_000
const answeredAt = new WeakMap()

document.addEventListener('htmx:before:swap', (event) => {
  const { ctx } = event.detail
  if (!event.target.matches?.('[data-live]')) return
  if (ctx.response.status !== 200 || isInUse(event.target)) event.preventDefault()
  else answeredAt.set(event.target, Date.now())
})

// What somebody types is not replaced.
function isInUse(piece) {
  const fields = [...piece.querySelectorAll('input:not([type="hidden"]), textarea, select')]
  return fields.some((field) => field === document.activeElement || (field.defaultValue ?? field.value) !== field.value)
}

const openedAt = Date.now()

function showAge() {
  for (const piece of document.querySelectorAll('[data-live]')) {
    const isStale = !document.hidden && Date.now() - (answeredAt.get(piece) ?? openedAt) > STALE_MS + seconds(piece)
    piece.classList.toggle('stale', isStale)
  }
}

function seconds(piece) {
  return 1000 * Number(/every (\d+)s/.exec(piece.getAttribute('hx-trigger'))?.[1] ?? 0)
}

// What takes much room is opened by who needs it, where there is little.
if (matchMedia('(max-width: 40rem)').matches)
  for (const one of document.querySelectorAll('details[data-narrow]')) one.open = false

// Who has made a mistake is led to what is said of it.
document.querySelector('.notice[role="alert"]')?.focus()

document.addEventListener('htmx:after:swap', tellTimes)
setInterval(tellTimes, 30_000)
setInterval(showAge, 1_000)
tellTimes()
