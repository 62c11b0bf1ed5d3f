import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Provider } from '../../../model/provider.ts'
import { explanationOf, trySignIn } from '../../../operations/provider-login-test.ts'
import { testProvider } from '../../../operations/provider-test.ts'
import type { ProbeStep } from '../../../source/probe.ts'
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
    const frame = frameOf(request, reply, { title: `Connection to ${provider.name}` })
    // A proxy that waits for the end would hide the steps.
    return reply
      .header('x-accel-buffering', 'no')
      .type('text/html; charset=utf-8')
      .send(Readable.from(growing(frame, provider, steps)))
  })

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
export function testForms({ name, refusal }: Provider, csrf: string): Piece {
  const path = providerPath(name)
  const known =
    refusal === null
      ? 'It is not known yet how it refuses a password: the test learns that.'
      : `It refuses a password with “${refusal}”.`
  return html`<section class="card">
    <h2>Try it</h2>
    ${form(`${path}/test`, csrf, html`<p>Goes there step by step. ${known}</p><div class="buttons"><button class="main">Test connection</button></div>`)}
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

async function* growing(frame: Frame, provider: Provider, steps: AsyncIterable<ProbeStep>): AsyncGenerator<string> {
  const path = providerPath(provider.name)
  const [head, tail] = openPage(
    frame,
    html`<p class="trail"><a href="/admin/providers">Providers</a></p>
      <h1>Connection to ${provider.name}</h1>
      <p>${provider.host} port ${provider.port}: each step appears as it is taken.</p>`,
    html`<p><a href=${path}>Back to ${provider.name}</a></p>`,
  )
  yield head
  let summary: Notice = USABLE
  try {
    for await (const step of steps) {
      if (!step.ok) summary = unusable(step)
      yield textOf(stepLine(step))
    }
  } catch {
    // The page has begun: no other one can take its place.
    summary = BROKEN_OFF
  }
  yield tail.replace('</ol>', () => `</ol>${textOf(noticeOf(summary))}`)
}

function stepLine({ step, ok, found, remedy, milliseconds }: ProbeStep): Piece {
  return html`<li>
    <span>${ok ? badge('ok', 'good') : badge('failed', 'bad')}</span>
    <span><b>${TITLES[step]}</b><br /><span class="faint">${Math.round(milliseconds)} ms</span></span>
    <span>${found}${remedy !== undefined && html`<br /><b>What to do:</b> ${remedy}`}</span>
  </li>`
}

const TITLES: Readonly<Record<ProbeStep['step'], string>> = {
  ...{ resolve: 'Name', connect: 'Connection', tls: 'Certificate', greeting: 'Greeting' },
  ...{ capabilities: 'Capabilities', refusal: 'Refusal' },
}

const USABLE: Notice = { kind: 'good', text: 'The old server can be used.' }
const BROKEN_OFF: Notice = { kind: 'bad', text: 'The test was interrupted: is the database away? Try again.' }

function unusable({ step }: ProbeStep): Notice {
  return { kind: 'bad', text: `The old server cannot be used as it is: ${TITLES[step].toLowerCase()} failed.` }
}
