import { type Administrator, may, type Permission } from '../../model/administrator.ts'
import { ICON, SCRIPT, STYLE } from './assets.ts'
import { type Content, html, type Piece, textOf } from './html.ts'

/** How a page is framed. */
export interface Frame {
  readonly title: string
  /** Null: nobody is signed in. */
  readonly administrator: Administrator | null
  /** The address of the page, without the query. */
  readonly path: string
  /** What every form has to send along; empty: there is no form. */
  readonly csrf: string
  /** What stands on top of every page; null: nothing does. */
  readonly alarm: Piece | null
  /** What the last action has done. */
  readonly notice?: Notice | undefined
  /** Ask for the page again after so many seconds, where no script does. */
  readonly refreshSeconds?: number
}

/** A sentence for the person, and how it is meant. */
export interface Notice {
  readonly kind: 'good' | 'warn' | 'bad'
  readonly text: string
}

interface NavigationEntry {
  readonly path: string
  /** Who cannot do this there is not sent there. */
  readonly permission: Permission
  readonly title: string
}

const NAVIGATION: readonly NavigationEntry[] = [
  { path: '/admin', title: 'Overview', permission: 'see' },
  { path: '/admin/migrations', title: 'Migrations', permission: 'see' },
  { path: '/admin/import', title: 'Import', permission: 'operate' },
  { path: '/admin/providers', title: 'Providers', permission: 'see' },
  { path: '/admin/audit', title: 'Audit', permission: 'see' },
  { path: '/admin/aliases', title: 'Aliases', permission: 'see' },
  { path: '/admin/administrators', title: 'Administrators', permission: 'own' },
]

// No style of its own, nothing evaluated: the content security policy would refuse both. What somebody has opened stays open.
const HTMX = JSON.stringify({ includeIndicatorCSS: false, history: false, morphIgnore: ['open'] })
// Where the stream of a page goes on: a form's page that shows its result as it comes.
const HERE = '\ue000'

/** A whole page. */
export function pageOf(frame: Frame, content: Content): string {
  return `<!doctype html>${textOf(framed(frame, content))}`
}

/** A page in two halves, between which its content comes piece by piece. */
export function openPage(frame: Frame, before: Content, after: Content): readonly [string, string] {
  const [head = '', tail = ''] = pageOf(
    frame,
    html`${before}<ol class="steps" aria-live="polite">${HERE}</ol>${after}`,
  ).split(HERE)
  return [head, tail]
}

function framed(frame: Frame, content: Content): Piece {
  const { title, refreshSeconds } = frame
  return html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="htmx-config" content=${HTMX} />
      ${refreshSeconds !== undefined && html`<noscript><meta http-equiv="refresh" content=${refreshSeconds} /></noscript>`}
      <title>${title} · postferry</title>
      <link rel="icon" href=${ICON.url} type="image/svg+xml" />
      <link rel="stylesheet" href=${STYLE.url} />
      <script src=${SCRIPT.url} defer></script>
    </head>
    <body>
      <a class="skip" href="#content">To the content</a>
      ${header(frame)}${frame.alarm}
      <main id="content" tabindex="-1">${frame.notice && noticeOf(frame.notice)}${content}</main>
    </body>
  </html>`
}

function header({ administrator, path, csrf }: Frame): Piece | null {
  if (administrator === null) return null
  return html`<header class="top">
    <a class="brand" href="/admin"><img src=${ICON.url} alt="" width="28" height="28" />postferry</a>
    <nav aria-label="Pages">
      <ul>
        ${NAVIGATION.filter(({ permission }) => may(administrator.role, permission)).map((entry) => html`<li><a href=${entry.path} aria-current=${isAt(entry, path) ? 'page' : undefined}>${entry.title}</a></li>`)}
      </ul>
    </nav>
    <form class="find" method="get" action="/admin/find" role="search" aria-label="People">
      <input type="search" name="search" placeholder="Find people ( / )" aria-label="Find people" autocomplete="off" spellcheck="false" data-find />
    </form>
    <div class="who">
      <a href="/admin/account">${administrator.name}</a> <span class="badge">${administrator.role}</span>
      <form class="inline" method="post" action="/admin/sign-out">
        <input type="hidden" name="_csrf" value=${csrf} />
        <button>Sign out</button>
      </form>
    </div>
  </header>`
}

function isAt(entry: NavigationEntry, path: string): boolean {
  return entry.path === path || (entry.path !== '/admin' && path.startsWith(`${entry.path}/`))
}

/** A sentence that stands out. */
export function noticeOf({ kind, text }: Notice): Piece {
  return html`<p class="notice ${kind}" role=${kind === 'bad' ? 'alert' : 'status'} tabindex=${kind === 'bad' ? '-1' : undefined}>${text}</p>`
}
