// Times in the reader's own zone and language. Without this they stand in UTC.
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
]

function ago(date) {
  const seconds = (date - Date.now()) / 1000
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1)
  return relative.format(Math.round(seconds / length), unit)
}

function tellTimes() {
  for (const time of document.querySelectorAll('time[datetime]')) {
    const date = new Date(time.dateTime)
    if (Number.isNaN(date.getTime())) continue
    time.textContent = time.dataset.form === 'relative' ? ago(date) : moment.format(date)
    time.title = moment.format(date)
  }
}

// A box at the head of a column checks all boxes of its table.
document.addEventListener('change', ({ target }) => {
  if (!target.matches?.('input[data-checks]')) return
  for (const box of document.querySelectorAll(`input[name="${target.dataset.checks}"]`)) box.checked = target.checked
})

// A session that has ended while a page was open: it is time to sign in again.
document.addEventListener('htmx:sse:error', ({ detail }) => {
  if (detail.status === 401) location.reload()
})

// A browser has six connections to a host. A tab that was opened in the background is told nothing of it, and would keep
// one of them for its stream; told now, it goes on when somebody looks at it.
document.addEventListener('htmx:sse:after:message', () => {
  if (document.hidden) document.dispatchEvent(new Event('visibilitychange'))
})

document.addEventListener('htmx:after:swap', tellTimes)
setInterval(tellTimes, 30_000)
tellTimes()
