import type { FastifyInstance } from 'fastify'
import { may } from '../../../model/administrator.ts'
import type { Domain } from '../../../model/domain.ts'
import type { Provider } from '../../../model/provider.ts'
import {
  type AddedDomain,
  addDomain,
  domainAdded,
  domainRemoved,
  isReachable,
  listDomains,
  removeDomain,
} from '../../../operations/domains.ts'
import { listProviders } from '../../../operations/providers.ts'
import type { PanelDeps } from '../deps.ts'
import { checkField, choiceField, form, reasonField, textField } from '../forms.ts'
import { html, type Piece } from '../html.ts'
import type { Notice } from '../page.ts'
import { capitalised, providerPath, table } from '../parts.ts'
import { perform, serveForm } from '../perform.ts'
import { administrator } from '../session.ts'
import { show } from '../show.ts'

const PATH = '/admin/providers'

/** Old servers, and the domains that they serve. */
export async function providerList(app: FastifyInstance, deps: PanelDeps): Promise<void> {
  app.get(PATH, async (request, reply) => {
    const [providers, domains] = await Promise.all([
      perform(request, deps, listProviders),
      perform(request, deps, listDomains),
    ])
    const csrf = may(administrator(request).role, 'own') ? reply.generateCsrf() : null
    return show(request, reply, { title: 'Providers' }, page(providers, domains, csrf))
  })

  const next = () => PATH
  serveForm(app, deps, addDomain, { path: '/admin/domains', next, done: addedNotice })
  serveForm(app, deps, removeDomain, {
    ...{ path: '/admin/domains/:domain/remove', next },
    done: (domain) => `${capitalised(domainRemoved(domain))}.`,
  })
}

function addedNotice({ domain, provider, merging }: AddedDomain): Notice {
  const said = domainAdded(domain.name, provider, `test the connection on the page of ${provider.name}`)
  const text = `${capitalised(said)}.${merging === null ? '' : ` ${merging}.`}`
  return { kind: isReachable(provider) ? 'good' : 'warn', text }
}

function page(providers: readonly Provider[], domains: readonly Domain[], csrf: string | null): Piece {
  const add = html`<a class="button main" href="/admin/new-provider">Add an old server</a>`
  return html`<h1>Providers</h1>
    <section class="card">
      <h2>Old servers</h2>
      ${providerTable(providers, domains)}
      ${csrf !== null && html`<div class="buttons">${add}</div>`}
    </section>
    <section class="card">
      <h2>Domains</h2>
      ${domainTable(domains, csrf)}
      ${csrf !== null && providers.length > 0 && domainForm(providers, csrf)}
    </section>`
}

function providerTable(providers: readonly Provider[], domains: readonly Domain[]): Piece {
  const served = (name: string) => domains.filter(({ provider }) => provider === name).map((domain) => domain.name)
  return table(
    'Where people come from',
    [
      { head: 'Name', cell: ({ name }) => html`<a href=${providerPath(name)}>${name}</a>` },
      { head: 'Host', cell: ({ host, port }) => `${host} port ${port}` },
      { head: 'Protection', cell: ({ tls }) => tls },
      { head: 'Connections', isNumber: true, cell: ({ maxConnections }) => maxConnections },
      { head: 'Cutover', cell: ({ cutover }) => cutover },
      { head: 'Domains', cell: ({ name }) => served(name).join(', ') || '–' },
    ],
    providers,
    'There is none yet: add the server that people come from.',
  )
}

function domainTable(domains: readonly Domain[], csrf: string | null): Piece {
  const remove = (name: string, csrf: string) =>
    form(
      `/admin/domains/${encodeURIComponent(name)}/remove`,
      csrf,
      html`<button class="link" aria-label="Remove ${name}">Remove</button>`,
    )
  return table(
    'Whose people may sign in with their old passwords',
    [
      { head: 'Domain', cell: ({ name }) => name },
      { head: 'Becomes', cell: ({ name, newDomain }) => (name === newDomain ? 'the same' : newDomain) },
      { head: 'Provider', cell: ({ provider }) => html`<a href=${providerPath(provider)}>${provider}</a>` },
      { head: 'Newcomers', cell: ({ isClosed }) => (isClosed ? 'none: it is closed' : 'may sign in') },
      ...(csrf === null
        ? []
        : [{ head: 'Change', cell: ({ name, isClosed }: Domain) => (isClosed ? '–' : remove(name, csrf)) }]),
    ],
    domains,
    'There is none yet: nobody can sign in before a domain is added.',
  )
}

function domainForm(providers: readonly Provider[], csrf: string): Piece {
  return html`<h3>Add a domain</h3>
    ${form(
      '/admin/domains',
      csrf,
      html`${textField({ name: 'domain', label: 'Domain on the old server', required: true, placeholder: 'old.example' })}
        ${choiceField({ name: 'provider', label: 'Served by', choices: providers.map(({ name }) => [name, name] as const) })}
        ${textField({ name: 'new_domain', label: 'Domain on the new server', hint: 'Empty: the same.' })}
        ${checkField({ name: 'shared_names', label: 'One name is one person in all domains of this provider', checked: false, hint: 'Asked for where the provider is asked without the domain.' })}
        ${reasonField('domain-reason')}
        <div class="buttons"><button class="main">Add the domain</button></div>`,
    )}`
}
