import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import type { Provider } from '../../../model/provider.ts'
import { testMx } from '../../../operations/mx-test.ts'
import { explanationOf, trySignIn } from '../../../operations/provider-login-test.ts'
import { testProvider } from '../../../operations/provider-test.ts'
import type { TestStep } from '../../../operations/rows.ts'
import { bodyOf } from '../bodies.ts'
import type { PanelDeps } from '../deps.ts'
import { form, textField } from '../forms.ts'
import { html, type Piece, textOf } from '../html.ts'
import { type Frame, type Notice, noticeOf, openPage } from '../page.ts'
import { badge, capitalised, providerPath } from '../parts.ts'
import { perform } from '../perform.ts'
import { frameOf, goOn } from '../show.ts'

const OPERATE = { permission: 'operate' } as const

/** The connection test, whose page grows with each step as it happens, and a trial sign-in. */
export const providerTest: FastifyPluginAsyncTypebox<PanelDeps> = async (app, deps) => {
  app.post('/admin/providers/:name/test', { config: OPERATE }, async (request, reply) => {
    const { provider, steps } = await perform(request, deps, testProvider)
    const title = `Connection to ${provider.name}`
    const where = `${provider.host} port ${provider.port}`
    return sendGrowing(reply, growing(frameOf(request, reply, { title }), { provider, where, steps, ...SOURCE }))
  })

  app.post(
    '/admin/providers/:name/test-mx',
    { config: OPERATE, schema: { body: bodyOf(testMx) } },
    async (request, reply) => {
      const { provider, steps } = await perform(request, deps, testMx)
      const title = `MX of ${provider.name}`
      const where = `${provider.mx} port ${provider.mxPort}, no message is sent`
      return sendGrowing(reply, growing(frameOf(request, reply, { title }), { provider, where, steps, ...MX }))
    },
  )

  app.post(
    '/admin/providers/:name/sign-in',
    { config: OPERATE, schema: { body: bodyOf(trySignIn) } },
    async (request, reply) => {
      const { provider, answer } = await perform(request, deps, trySignIn)
      const { said, remedy } = explanationOf(answer, provider)
      const text = `${capitalised(said)}; nothing was stored.${remedy === null ? '' : ` What to do: ${remedy}.`}`
      return goOn(request, reply, providerPath(provider.name), { kind: answer.kind === 'yes' ? 'good' : 'warn', text })
    },
  )
}

/** What somebody can try with a provider. */
export function testForms({ name, refusal, mx }: Provider, csrf: string): Piece {
  const path = providerPath(name)
  const known =
    refusal === null
      ? 'It is not known yet how it refuses a password: the test learns that.'
      : `It refuses a password with “${refusal}”.`
  return html`<section class="card">
    <h2>Try it</h2>
    ${form(`${path}/test`, csrf, html`<p>Goes there step by step. ${known}</p><div class="buttons"><button class="main">Test connection</button></div>`)}
    ${mx !== null && form(`${path}/test-mx`, csrf, html`<p>Mail of people who have not signed in yet goes to ${mx}.</p><div class="buttons"><button>Test MX</button></div>`)}
    <details>
      <summary>Trial sign-in</summary>
      ${form(
        `${path}/sign-in`,
        csrf,
        html`<p>Signs in once and leaves. Nothing is stored, and no account is made.</p>
          ${textField({ name: 'username', label: 'User name on the old server', required: true })}
          ${textField({ name: 'password', label: 'Password', type: 'password', required: true })}
          <div class="buttons"><button>Sign in</button></div>`,
      )}
    </details>
  </section>`
}

/** A proxy that waits for the end would hide the steps. */
function sendGrowing(reply: FastifyReply, pieces: AsyncIterable<string>): FastifyReply {
  return reply.header('x-accel-buffering', 'no').type('text/html; charset=utf-8').send(Readable.from(pieces))
}

interface Tried {
  readonly provider: Provider
  readonly where: string
  readonly steps: AsyncIterable<TestStep>
  /** What the test says at its end. */
  readonly usable: string
  readonly unusable: string
}

const SOURCE = { usable: 'The old server can be used.', unusable: 'The old server cannot be used as it is' }
const MX = { usable: 'Mail can be handed to it.', unusable: 'Mail cannot be handed to it' }

async function* growing(frame: Frame, { provider, where, steps, usable, unusable }: Tried): AsyncGenerator<string> {
  const path = providerPath(provider.name)
  const [head, tail] = openPage(
    frame,
    html`<p class="trail"><a href="/admin/providers">Providers</a></p>
      <h1>${frame.title}</h1>
      <p>${where}: each step appears as it is taken.</p>`,
    html`<p><a href=${path}>Back to ${provider.name}</a></p>`,
  )
  yield head
  let summary: Notice = { kind: 'good', text: usable }
  try {
    for await (const step of steps) {
      if (!step.ok) summary = { kind: 'bad', text: `${unusable}: ${titleOfStep(step).toLowerCase()} failed.` }
      yield textOf(stepLine(step))
    }
  } catch {
    // The page has begun: no other one can take its place.
    summary = BROKEN_OFF
  }
  yield tail.replace('</ol>', () => `</ol>${textOf(noticeOf(summary))}`)
}

function stepLine(taken: TestStep): Piece {
  const { ok, found, remedy, milliseconds } = taken
  return html`<li>
    <span>${ok ? badge('ok', 'good') : badge('failed', 'bad')}</span>
    <span><b>${titleOfStep(taken)}</b><br /><span class="faint">${Math.round(milliseconds)} ms</span></span>
    <span>${found}${remedy !== undefined && html`<br /><b>What to do:</b> ${remedy}`}</span>
  </li>`
}

const TITLES: Readonly<Record<string, string>> = {
  ...{ resolve: 'Name', connect: 'Connection', tls: 'Certificate', greeting: 'Greeting' },
  ...{ capabilities: 'Capabilities', refusal: 'Refusal', sender: 'Sender', stranger: 'Unknown recipient' },
}

function titleOfStep({ step }: TestStep): string {
  return TITLES[step] ?? step
}

const BROKEN_OFF: Notice = { kind: 'bad', text: 'The test was interrupted: is the database away? Try again.' }
