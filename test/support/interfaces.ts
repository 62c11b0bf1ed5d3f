import type { Test } from 'tap'
import { adminApi } from './admin.ts'
import { addAdministrators, OWNER } from './panel.ts'
import type { RunningService } from './service.ts'
import { until } from './until.ts'
import { Visitor } from './visitor.ts'

/** One request as each interface takes it. */
export interface Request {
  readonly cli: readonly string[]
  /** Of the command, on standard input. */
  readonly input?: string
  readonly api: readonly [method: 'get' | 'post' | 'patch' | 'delete', path: string, body?: object | string]
  /** A path alone is looked at. Of an upload, the second form confirms what the first one would do. */
  readonly panel:
    | readonly [path: string, form?: Readonly<Record<string, string>>]
    | readonly [upload: FormData, confirmation: Readonly<Record<string, string>>]
}

/** What an interface made of a request. */
interface Outcome {
  readonly done: boolean
  /** What it says to a person. */
  readonly words: string
  /** Its answer, where it has one in JSON. */
  readonly row?: unknown
  readonly audit: readonly { readonly action: string; readonly detail: string | null; readonly reason: string | null }[]
}

export type Interface = 'cli' | 'api' | 'panel'
const ACTORS: Readonly<Record<Interface, RegExp>> = {
  cli: /^cli:/,
  api: /^api$/,
  panel: new RegExp(`^panel:${OWNER.name}$`),
}

/** Asks the same of one service through its commands, its API and its panel. */
export class Interfaces {
  readonly #service: RunningService
  readonly #api: ReturnType<typeof adminApi>
  readonly #owner: Visitor

  private constructor(service: RunningService, owner: Visitor) {
    this.#service = service
    this.#api = adminApi(service)
    this.#owner = owner
  }

  static async of(service: RunningService): Promise<Interfaces> {
    await addAdministrators(service, OWNER)
    return new Interfaces(service, await Visitor.signedIn(service.url, OWNER))
  }

  /**
   * Asks through each interface that has the operation, of a subject of its own that has the interface's name; checks that all do the same and
   * write the same into the audit.
   * @param refused what each of them says when it is not done; missing: it is
   * @returns the answers, by the interface
   */
  async same(
    t: Test,
    what: string,
    requestOf: (name: Interface) => Partial<Request>,
    refused?: RegExp,
  ): Promise<Partial<Record<Interface, unknown>>> {
    const answers: Partial<Record<Interface, unknown>> = {}
    let first: Outcome | undefined
    for (const name of ['cli', 'api', 'panel'] as const) {
      const request = requestOf(name)
      if (request[name] === undefined) continue
      const { row, ...outcome } = await this.#noted(t, name, request as Request)
      if (row !== undefined) answers[name] = row
      t.equal(outcome.done, refused === undefined, `${what}: ${name} says: ${outcome.words}`)
      if (refused !== undefined) t.match(outcome.words, refused, `${what}: ${name} says why`)
      first ??= outcome
      t.same(outcome.audit, first.audit, `${what}: ${name} writes the same into the audit`)
    }
    return answers
  }

  async #noted(t: Test, name: Interface, request: Request): Promise<Outcome> {
    const before = await this.#audit()
    const outcome = await this[name](request)
    const written = (await this.#audit()).slice(0, -before.length || undefined)
    for (const { actor } of written) t.match(actor, ACTORS[name], `${name} is who did it`)
    const unnamed = (detail: string | null) => detail?.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), '…') ?? null
    return {
      ...outcome,
      audit: written.map(({ action, detail, reason }) => ({ action, detail: unnamed(detail), reason })),
    }
  }

  async cli({ cli, input = '' }: Request): Promise<Omit<Outcome, 'audit'>> {
    const { exitCode, stdout, stderr } = await this.#service.run([...cli, '--json'], input)
    const done = exitCode === 0
    return {
      done,
      words: done ? stderr : JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error,
      ...(done && { row: JSON.parse(stdout) }),
    }
  }

  async api({ api: [method, path, body] }: Request): Promise<Omit<Outcome, 'audit'>> {
    const answer = await this.#api[method](path, body as object)
    const done = answer.status < 300
    const words = done ? '' : [answer.body.error, ...Object.values(answer.body.fields ?? {})].join(' ')
    return { done, words, ...(done && { row: answer.body }) }
  }

  async panel({ panel: [path, form] }: Pick<Request, 'panel'>): Promise<Omit<Outcome, 'audit'>> {
    if (path instanceof FormData) return await this.#upload(path, form ?? {})
    const { status, location, text } = form ? await this.#owner.post(path, form) : await this.#owner.get(path)
    // What a form has done, or why it has not, is told by the page behind it.
    const page = status === 303 ? (await this.#owner.get(location)).text : text
    const notice = /class="notice (\w+)"/.exec(page)?.[1]
    return { done: status < 400 && notice !== 'bad', words: textOf(page) }
  }

  async #upload(file: FormData, confirmation: Readonly<Record<string, string>>): Promise<Omit<Outcome, 'audit'>> {
    file.append('_csrf', await this.#owner.token())
    const { location } = await this.#owner.send('/admin/import', file)
    const pageBehind = () =>
      until(async () => {
        const { text } = await this.#owner.get(location)
        return !text.includes('/progress"') && text
      }, 'the end of what the page tells of')
    const preview = await pageBehind()
    if (preview.includes(`${location}/confirm`)) await this.#owner.post(`${location}/confirm`, confirmation)
    const page = await pageBehind()
    return { done: page.includes('class="notice good"'), words: `${textOf(preview)} ${textOf(page)}` }
  }

  async #audit(): Promise<{ actor: string; action: string; detail: string | null; reason: string | null }[]> {
    return (await this.#api.get('/audit?limit=1000')).body.rows
  }
}

function textOf(page: string): string {
  const main = page.slice(Math.max(0, page.indexOf('<main')))
  return main.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
}
