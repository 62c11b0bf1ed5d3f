import { type BrowserContext, type BrowserContextOptions, type ConsoleMessage, chromium } from 'playwright-core'
import { HANG_MS } from './until.ts'

const CHROMIUM = '/usr/bin/chromium'
// Nothing that the browser does of its own, and nowhere to do it: but this host, no name is found.
const ARGUMENTS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
]

/** A real browser, and whatever pages did in it that they must not do. Disposing of it throws when there is any. */
export interface Chromium extends AsyncDisposable {
  /** What somebody else's browser would be: without cookies and cache. */
  profile(options?: BrowserContextOptions): Promise<BrowserContext>
  /** Errors of scripts and of the console, violations of the content security policy, requests to other hosts. */
  faults(): string[]
  /** Faults that a test wants to see are none; those that were told so far. */
  takeFaults(): string[]
}

/** @param origin where everything has to come from; pages of `file:` or other hosts are faults */
export async function startChromium(origin: string): Promise<Chromium> {
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [...asRoot, ...ARGUMENTS],
    timeout: HANG_MS,
  })
  const watch = new Watch(origin)
  return {
    async profile(options = {}) {
      const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options })
      context.setDefaultTimeout(HANG_MS)
      await watch.over(context)
      return context
    },
    faults: () => watch.faults(),
    takeFaults: () => watch.take(),
    async [Symbol.asyncDispose]() {
      await browser.close()
      const faults = watch.faults()
      if (faults.length > 0) throw new Error(`pages did what they must not do:\n${faults.join('\n')}`)
    },
  }
}

class Watch {
  readonly #origin: string
  readonly #pages = new Set<string>()
  #told: { readonly text: string; readonly url: string }[] = []

  constructor(origin: string) {
    this.#origin = origin
  }

  async over(context: BrowserContext): Promise<void> {
    await context.exposeBinding('tellViolation', (_, text: string) => this.#tell(`policy: ${text}`))
    await context.addInitScript(tellViolations)
    context.on('console', (message) => this.#hear(message))
    context.on('weberror', (error) => this.#tell(`script: ${error.error().message}`))
    context.on('request', (request) => {
      if (request.isNavigationRequest()) this.#pages.add(request.url())
      if (!request.url().startsWith(`${this.#origin}/`)) this.#tell(`elsewhere: ${request.url()}`)
    })
  }

  /** The browser also calls it an error when a page, and not a part of one, says what was wrong with a form. */
  faults(): string[] {
    const isAnswer = ({ text, url }: { text: string; url: string }) =>
      /the server responded with a status of 4\d\d/.test(text) && this.#pages.has(url)
    return this.#told.filter((one) => !isAnswer(one)).map(({ text, url }) => `${text} (${url})`)
  }

  take(): string[] {
    const faults = this.faults()
    this.#told = []
    return faults
  }

  #hear(message: ConsoleMessage): void {
    if (message.type() === 'error') this.#tell(`console: ${message.text()}`, message.location().url)
  }

  #tell(text: string, url = ''): void {
    this.#told.push({ text, url })
  }
}

/** Runs in each page. */
function tellViolations(): void {
  const page = globalThis as unknown as {
    addEventListener(name: string, listen: (event: { effectiveDirective: string; blockedURI: string }) => void): void
    tellViolation(text: string): void
  }
  page.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
    page.tellViolation(`${effectiveDirective} ${blockedURI}`),
  )
}
